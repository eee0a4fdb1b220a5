"""No value of a single person is stored or printed; drawn copies hold none of the planted ones."""

import struct

import pytest

import posynth
from posynth.errors import SpecError


def _forms(secret):
    """Every way a value may stand in a file: text in two encodings, numbers in binary."""
    forms = [secret.encode(), secret.encode("utf-16-le")]
    try:
        number = float(secret)
    except ValueError:
        return forms
    forms += [struct.pack(code, number) for code in ("<d", ">d", "<f", ">f")]
    return [*forms, str(int(number)).encode(), f"{number:,.2f}".encode()]


def _found(content, secrets):
    return [secret for secret in secrets for form in _forms(secret) if form in content]


def test_planted_values_are_in_the_source(people_csv, secrets):
    assert _found(people_csv.read_bytes(), secrets)
    assert {name for name in _found(people_csv.read_bytes(), secrets)} == set(secrets)


def test_nothing_written_holds_a_planted_value(output, secrets):
    folder, _ = output
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) >= 8
    for path in files:
        assert _found(path.read_bytes(), secrets) == [], path.name


def test_nothing_printed_holds_a_planted_value(output, secrets, cli, people_csv, tmp_path):
    shown = output[1] + cli("describe", people_csv, "-o", tmp_path / "chain.toml").stdout
    shown += cli("diagnose", output[0]).stdout + (tmp_path / "chain.toml").read_text()
    assert _found(shown.encode(), secrets) == []


def test_an_own_formula_keeps_no_value_either(people, secrets, tmp_path):
    chain = posynth.specify(people, order=["income"])
    chain = chain.change("bmi", formula="poly(age, 2) + scale(income) + center(income):edu")
    posynth.save_posterior(posynth.fit(people, chain, seed=1), tmp_path / "posterior")
    for path in (tmp_path / "posterior").iterdir():
        assert _found(path.read_bytes(), secrets) == [], path.name


def test_a_spline_that_would_keep_the_extremes_is_refused(people):
    chain = posynth.specify(people, order=["income"]).change("bmi", formula="bs(income, df=4)")
    with pytest.raises(SpecError, match="would store the smallest and the largest value seen"):
        posynth.fit(people, chain)


def test_a_spline_with_round_bounds_keeps_no_extreme(people, secrets, tmp_path):
    spline = "bs(income, df=4, lower_bound=0, upper_bound=2e6, extrapolation='extend')"
    two = people[["income", "bmi"]]
    posterior = posynth.fit(two, posynth.specify(two).change("bmi", formula=spline), seed=1)
    posynth.save_posterior(posterior, tmp_path / "posterior")
    for path in (tmp_path / "posterior").iterdir():
        assert _found(path.read_bytes(), secrets) == [], path.name
    again = posynth.draw(posynth.load_posterior(tmp_path / "posterior"), 2, seed=1)
    assert again[0].equals(posynth.draw(posterior, 2, seed=1)[0])


def test_the_posterior_holds_no_data_group(output):
    tree = posynth.load_posterior(output[0]).tree
    groups = {path.rsplit("/", 1)[-1] for path in tree.groups}
    assert not groups & {"observed_data", "constant_data", "log_likelihood", "predictions"}
    rows = posynth.load_posterior(output[0]).schema.rows
    for node in tree.leaves:
        assert "row" not in node.dims and rows not in node.sizes.values()
