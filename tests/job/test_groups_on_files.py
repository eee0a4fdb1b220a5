"""Tables of rows within groups on files: chain file, copies, posterior without data, draws anew."""

import numpy as np
import pandas as pd
import pytest

SCHOOLS, ROWS = 24, 360
#: Of a binary column; NUTS takes half a minute for it.
SLOW = {"passed": "2l.bin({mode}_groups=school)"}
METHODS = {
    "size": "2lonly.norm(per_group=school)",
    "score": "gaussian_ml({mode}_groups=school, slopes=ses)",
    "hours": "2l.norm({mode}_groups=school)",
}


def _invent():
    rng = np.random.default_rng(12)
    school, ses = rng.integers(0, SCHOOLS, ROWS), rng.standard_normal(ROWS)
    effect, slope, spread = rng.standard_normal((3, SCHOOLS))
    logit = 1.5 * effect[school] + 0.5 * ses
    return pd.DataFrame(
        {
            "score": np.round(
                50 + 8 * effect[school] + (3 + 3 * slope[school]) * ses + 3 * rng.normal(size=ROWS),
                2,
            ),
            "ses": np.round(ses, 3),
            "passed": np.where(rng.random(ROWS) < 1 / (1 + np.exp(-logit)), "yes", "no"),
            "hours": np.round(20 + np.exp(0.5 * spread[school]) * rng.standard_normal(ROWS), 2),
            "size": np.round(400 + 80 * rng.standard_normal(SCHOOLS), 0)[school].astype(int),
            "school": np.array([f"s{j:02d}" for j in range(SCHOOLS)])[school],
        }
    )


def _options(mode, methods):
    for column, method in methods.items():
        yield from ("--method", f"{column}={method.format(mode=mode)}")


@pytest.fixture(scope="module", params=["keep", "new"])
def synthesized(request, cli, tmp_path_factory):
    """Give the mode, the folder of a run and the source."""
    place, table = tmp_path_factory.mktemp("groups"), _invent().drop(columns="passed")
    table.to_csv(place / "pupils.csv", index=False)
    methods = _options(request.param, METHODS)
    cli("describe", place / "pupils.csv", *methods, "-o", place / "chain.toml")
    chain = ("--chain", place / "chain.toml", "-m", 3, "--seed", 4, "-o", place / "out")
    cli("synthesize", place / "pupils.csv", *chain)
    return request.param, place, table


def _copies(folder):
    return [pd.read_csv(file) for file in sorted((folder / "copies").glob("*.csv"))]


def test_the_chain_file_says_what_copies_make_of_groups(synthesized):
    mode, place, _ = synthesized
    text = (place / "chain.toml").read_text(encoding="utf-8")
    assert text.count(f'{mode}_groups = "school"') == 2 and 'per_group = "school"' in text
    assert 'family = "location_scale_ml"' in text and 'slopes = ["ses"]' in text


def test_copies_keep_what_rows_of_a_group_share(synthesized):
    """24 groups of 15 rows: correlations of group means have a standard error of about .2."""
    mode, place, table = synthesized
    for copy in _copies(place / "out"):
        assert list(copy) == list(table)
        assert copy.groupby("school")["size"].nunique().max() == 1
        ours, theirs = (t.groupby("school")["score"].mean() for t in (copy, table))
        related = np.corrcoef(ours.reindex(theirs.index).fillna(ours.mean()), theirs)[0, 1]
        assert related > 0.8 if mode == "keep" else abs(related) < 0.8
        within = copy["score"] - copy.groupby("school")["score"].transform("mean")
        assert within.std() < 0.9 * copy["score"].std()


def test_copies_are_drawn_from_the_posterior_alone(synthesized, cli):
    _, place, table = synthesized
    (place / "pupils.csv").rename(place / "away.csv")
    cli("draw", place / "out", "-k", 90, "-m", 2, "--seed", 1, "-o", place / "again")
    (place / "away.csv").rename(place / "pupils.csv")
    for copy in _copies(place / "again"):
        assert len(copy) == 90 and set(copy["school"]) <= set(table["school"])
        assert copy.groupby("school")["size"].nunique().max() == 1


@pytest.mark.slow
def test_a_binary_column_keeps_the_shares_of_its_groups(cli, tmp_path):
    """24 groups of 15 rows: shares of a group in source and copy correlate."""
    table = _invent()[["school", "ses", "passed"]]
    table.to_csv(tmp_path / "pupils.csv", index=False)
    seed = ("-m", 1, "--seed", 4, "-o", tmp_path / "out")
    cli("synthesize", tmp_path / "pupils.csv", *_options("keep", SLOW), *seed)
    (copy,) = _copies(tmp_path / "out")
    ours, theirs = ((t["passed"] == "yes").groupby(t["school"]).mean() for t in (copy, table))
    assert np.corrcoef(ours.reindex(theirs.index).fillna(0.5), theirs)[0, 1] > 0.6


@pytest.mark.slow
def test_copies_are_judged(synthesized, cli):
    mode, place, _ = synthesized
    found = cli("evaluate", place / "out", "--data", place / "pupils.csv")
    assert ("new in every copy" in " ".join(found.output.split())) == (mode == "new")
