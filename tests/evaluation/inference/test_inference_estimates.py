import numpy as np
import pandas as pd
import pytest

from posynth.errors import MeasureError
from posynth.evaluation.inference.estimates import (
    Estimate,
    aligned,
    as_estimate,
    combine_imputations,
    fit_copies,
)
from posynth.evaluation.inference.models import fit_statsmodels

FRAMES = [pd.DataFrame({"x": [1.0, 2.0, 3.0 + i]}) for i in range(3)]


def mean_and_spread(frame):
    return pd.Series({"mean": frame["x"].mean()}), np.array([[frame["x"].var() / len(frame)]])


def test_a_function_of_the_users_own_may_return_a_pair():
    found = fit_copies(mean_and_spread, FRAMES)
    assert [e.q[0] for e in found] == pytest.approx([2, 7 / 3, 8 / 3])
    assert found[0].cov[0, 0] == pytest.approx(1 / 3)
    assert found[0].df_com == np.inf


def test_a_statsmodels_result_may_be_returned_as_it_is(heart):
    import statsmodels.formula.api as smf

    (found,) = fit_copies(lambda frame: smf.ols("age ~ sex", frame).fit(), [heart])
    assert found.names == ("Intercept", "sex[T.Male]")
    assert found.df_com == 297
    assert found.std_error[1] == pytest.approx(smf.ols("age ~ sex", heart).fit().bse.iloc[1])


def test_a_multinomial_result_is_read_as_the_model_of_that_name(heart):
    import statsmodels.formula.api as smf

    frame = heart.assign(stage=pd.cut(heart["age"], [0, 55, 65, 99], labels=["a", "b", "c"]))
    frame["code"] = frame["stage"].cat.codes.astype(int)
    (own,) = fit_copies(lambda f: smf.mnlogit("code ~ sex + platelets", f).fit(disp=0), [frame])
    model = fit_statsmodels("code ~ sex + platelets", "mnlogit")(frame)
    assert [name.split(": ")[0] for name in own.names] == ["1"] * 3 + ["2"] * 3
    assert own.q == pytest.approx(model.q, rel=1e-5)
    assert own.cov == pytest.approx(model.cov, rel=1e-4)


def test_other_results_of_several_equations_are_refused(heart):
    class Several:
        params = np.zeros((2, 2))

        def cov_params(self):
            return np.eye(4)

    with pytest.raises(MeasureError, match=r"a table of coefficients, \(2, 2\)"):
        fit_copies(lambda _: Several(), [heart])


def test_coefficients_in_another_order_are_put_right():
    first = Estimate(("a", "b"), [1.0, 2.0], np.diag([1.0, 4.0]))
    second = Estimate(("b", "a"), [3.0, 4.0], [[9.0, 1.0], [1.0, 16.0]])
    _, turned = aligned([first, second])
    assert turned.names == ("a", "b")
    assert turned.q.tolist() == [4.0, 3.0]
    assert turned.cov.tolist() == [[16.0, 1.0], [1.0, 9.0]]


def test_a_coefficient_missing_in_one_copy_is_named_with_its_copy():
    three = [
        Estimate(names, np.zeros(len(names)), np.eye(len(names))) for names in ("ab", "a", "ab")
    ]
    with pytest.raises(MeasureError, match=r"copy 2 lacks the coefficient 'b'.*merge rare levels"):
        aligned(three)


def test_a_coefficient_only_one_copy_has_is_named_with_its_copy():
    three = [
        Estimate(names, np.zeros(len(names)), np.eye(len(names))) for names in ("a", "a", "ac")
    ]
    with pytest.raises(MeasureError, match=r"copy 3 has a coefficient 'c', unlike other copies"):
        aligned(three)


def test_an_analysis_that_fails_names_the_copy():
    frames = [FRAMES[0], FRAMES[1].rename(columns={"x": "z"})]
    with pytest.raises(MeasureError, match=r"copy 2: the analysis failed with KeyError: 'x'"):
        fit_copies(mean_and_spread, frames)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (3.0, r"returned float; return an Estimate, a fitted statsmodels result, or a pair"),
        (([1.0], [[1.0]]), r"estimates are a list without names"),
        (({"a": 1.0}, [1.0]), r"shape \(1,\) and a covariance matrix of shape \(1, 1\)"),
        (({"a": np.nan}, [[1.0]]), r"coefficient 'a' has estimate nan"),
        (({"a": 1.0}, [[-1.0]]), r"with variance -1; it cannot be estimated"),
    ],
)
def test_what_cannot_be_read_is_explained(found, text):
    with pytest.raises(MeasureError, match=text):
        as_estimate(found)


def test_names_must_be_unique():
    with pytest.raises(MeasureError, match="one unique name each"):
        Estimate(("a", "a"), [1.0, 1.0], np.eye(2))


def test_nothing_to_pool():
    with pytest.raises(MeasureError, match="no estimates to pool"):
        aligned([])


def test_combined_imputations_are_rubins_total():
    rng = np.random.default_rng(1)
    q = rng.normal(size=(4, 2))
    notes = ("not converged",)
    found = combine_imputations([Estimate(("a", "b"), row, np.eye(2), notes=notes) for row in q])
    assert found.cov == pytest.approx(np.eye(2) + 1.25 * np.cov(q, rowvar=False))
    assert found.q == pytest.approx(q.mean(axis=0))
    assert found.notes == notes
    with pytest.raises(MeasureError, match=r"1 imputation\(s\) of a copy.*at least twice"):
        combine_imputations([Estimate(("a",), [1.0], [[1.0]])])


def test_an_analysis_that_changes_its_table_leaves_the_copy_as_it_was():
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0]})

    def analysis(table):
        table.insert(0, "new", 1.0)
        return {"mean": table["x"].mean()}, [[1.0]]

    fit_copies(analysis, [frame])
    assert list(frame) == ["x"]
