"""Every example in a docstring of posynth runs and prints what it says."""

import doctest
import importlib
import pkgutil

import pytest

import posynth

MODULES = sorted(m.name for m in pkgutil.walk_packages(posynth.__path__, "posynth."))
PARSER = doctest.DocTestFinder(exclude_empty=True)


def _examples(name):
    module = importlib.import_module(name)
    return [test for test in PARSER.find(module) if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    for test in _examples(name):
        runner.run(test, out=report.append)
    assert runner.failures == 0, "".join(report)


def test_there_are_examples_in_every_room():
    rooms = {name.split(".")[1] for name in MODULES if _examples(name)}
    assert rooms >= {"table", "chain", "families", "posterior", "evaluation", "synthesizer"}
