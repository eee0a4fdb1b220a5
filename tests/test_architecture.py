"""Rooms import upwards only, and files and functions stay small; read from the source by ast."""

import ast
from pathlib import Path
from statistics import median, quantiles

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "posynth"
FILES = sorted(SOURCE.rglob("*.py"))
ROOMS = (
    "table",
    "chain",
    "structure",
    "families",
    "engines",
    "posterior",
    "copies",
    "evaluation",
    "report",
)
SEE_ALL = (
    *("synthesizer", "cli", "screen", "terminal", "__init__", "__main__"),
    # the verbs on finished copies
    *("analysis", "cli_options", "cli_verbs", "judge", "judgement", "material"),
    *("readout", "reporting", "releasing", "cli_release"),
    *("cli_studies", "studies"),  # the verbs on methods
    *("cli_lists", "cli_examples"),
)
SEEN_BY_ALL = ("arguments", "caches", "errors", "progress", "results")
SAMPLERS = ("pymc", "pytensor", "nutpie")


def _name(file):
    return str(file.relative_to(SOURCE))


def _room(file):
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


def _tree(file):
    return ast.parse(file.read_text(encoding="utf-8"))


def _imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _functions(tree):
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def _body_lines(function):
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_a_room_imports_only_from_rooms_above_it(file):
    room = _room(file)
    if room in SEE_ALL:
        return
    assert room in ROOMS + SEEN_BY_ALL, f"{room} is a room that the plan does not know"
    above = ROOMS[: ROOMS.index(room) + 1] if room in ROOMS else ()
    for name in _imports(_tree(file)):
        if not name.startswith("posynth."):
            continue
        seen = name.split(".")[1]
        assert seen in (*above, *SEEN_BY_ALL, "__version__"), f"{_name(file)} imports {name}"


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_specs_and_judgements_know_no_sampler(file):
    if _room(file) in ("table", "chain", "structure", "evaluation", "report"):
        found = {name.split(".")[0] for name in _imports(_tree(file))}
        assert not found & set(SAMPLERS)


def test_nothing_is_pickled():
    for file in FILES:
        found = {name.split(".")[0] for name in _imports(_tree(file))}
        assert not found & {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


def test_no_global_seed_is_set():
    for file in FILES:
        for node in ast.walk(_tree(file)):
            if isinstance(node, ast.Attribute) and node.attr == "seed":
                assert not ast.unparse(node).endswith("random.seed"), _name(file)


def test_no_file_is_a_drawer_for_odds_and_ends():
    stems = {file.stem for file in FILES}
    assert not stems & {"utils", "util", "helpers", "helper", "misc", "common", "tools"}


def test_files_have_at_most_400_lines():
    lengths = {_name(f): len(f.read_text(encoding="utf-8").splitlines()) for f in FILES}
    assert {name: lines for name, lines in lengths.items() if lines > 400} == {}


def test_function_bodies_are_short():
    lengths = {
        f"{_name(file)}:{function.name}": _body_lines(function)
        for file in FILES
        for function in _functions(_tree(file))
    }
    assert {name: lines for name, lines in lengths.items() if lines > 40} == {}
    assert median(lengths.values()) <= 10
    assert quantiles(lengths.values(), n=10)[8] <= 25


def test_every_file_and_public_definition_is_documented():
    bare = []
    for file in FILES:
        tree = _tree(file)
        public = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        ]
        inner = {
            id(child)
            for function in _functions(tree)
            for child in ast.walk(function)
            if child is not function
        }
        hidden = {
            id(child)
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and node.name.startswith("_")
            for child in ast.walk(node)
        }
        bare += [
            f"{_name(file)}:{node.name}"
            for node in public
            if id(node) not in inner | hidden and not ast.get_docstring(node)
        ]
        if not ast.get_docstring(tree):
            bare.append(_name(file))
    assert bare == []


#: The only places that may evaluate a text, and what they do to be allowed to.
EVALUATING = {
    "chain/formula_matrix.py": "hands formulaic what the allow-list let through",
    "chain/blocks.py": "one fixed formula",
}


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_texts_are_evaluated_in_one_place(file):
    tree = _tree(file)
    called = [n.func for n in ast.walk(tree) if isinstance(n, ast.Call)]
    names = {f.id for f in called if isinstance(f, ast.Name)}
    assert not names & {"eval", "exec", "__import__"}
    attributes = {f.attr for f in called if isinstance(f, ast.Attribute)}
    assert not attributes & {"from_formula", "query"}
    modules = {name.split(".")[0] for name in _imports(tree)}
    assert "patsy" not in modules
    assert "formulaic" not in modules or _name(file) in EVALUATING


def test_python_files_are_imported_in_one_place():
    found = [_name(f) for f in FILES if "exec_module" in f.read_text(encoding="utf-8")]
    assert found == ["families/own.py"]
    text = (SOURCE / "families" / "own.py").read_text(encoding="utf-8")
    assert text.index("require_permission(name") < text.index("exec_module")
