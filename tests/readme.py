"""Run the README's Python and shell examples as a reader would; `make readme` runs this."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def blocks(language: str) -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.S)


def main() -> int:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "models").symlink_to(ROOT / "models")
        for language, command in (
            ("python", [sys.executable]),
            ("sh", ["bash", "-euo", "pipefail"]),
        ):
            for block in blocks(language):
                if block.startswith("make "):
                    continue  # the two commands that `.ci/run` itself gives
                print(f"--- {language}\n{block}")
                done = subprocess.run(
                    command, input=block, text=True, cwd=folder, env=environment, check=False
                )
                if done.returncode:
                    return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
