"""Output goes through whatever encoding it meets: the command never ends for want of a sign."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("verb", "encoding"), [("pool", "cp1252"), ("pool", "ascii"), ("evaluate", "ascii")]
)
def test_signs_that_an_encoding_lacks_are_spelled(judged_folder, encoding, verb):
    folder, source = judged_folder
    given = {
        "pool": ["--formula", "platelets ~ age + sex", "--data", source],
        "evaluate": ["--data", source, "--keys", "sex"],
    }[verb]
    done = subprocess.run(
        [sys.executable, "-m", "posynth.cli", verb, folder, *given],
        env={**os.environ, "PYTHONIOENCODING": encoding}, capture_output=True, check=False,
    )  # fmt: skip
    shown = done.stdout.decode(encoding)
    assert done.returncode == 0, done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    if verb == "pool":
        assert "chi^2(3)" in shown.replace("²", "^2") and "(T = v" in shown
        assert "\\u" not in shown
