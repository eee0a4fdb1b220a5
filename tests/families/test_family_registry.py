"""The registry of families, and models of one's own: found by name, refused with the next step."""

import numpy as np
import pytest

from posynth.engines.base import Task
from posynth.engines.choose import fit
from posynth.errors import SpecError
from posynth.families import facts, families, family
from posynth.families.base import Design, Family, Response
from posynth.families.own import as_family, conditional, load_reference
from posynth.families.permission import is_reference
from posynth.table.schema import Kind

MODEL = """
import pymc as pm

from posynth.families.own import conditional


@conditional(response="standardised", summary="Laplace errors")
def double_exponential(design, response, priors):
    with pm.Model(coords={"predictor": design.predictors}) as model:
        X = pm.Data("X", design.X, dims=("row", "predictor"))
        y = pm.Data("y", response.y, dims="row")
        alpha = pm.Normal("alpha")
        beta = pm.Normal("beta", dims="predictor")
        pm.Laplace("response", alpha + X @ beta, 0.5, observed=y, dims="row")
    return model


LIMIT = 3
"""


def test_every_built_in_family_is_found_under_its_own_name():
    assert {"bernoulli", "categorical", "dirichlet", "gaussian"} <= set(families())
    assert all(family(name) is member for name, member in families().items())
    assert facts() == {name: member.facts for name, member in families().items()}


def test_an_unknown_family_is_refused_with_the_closest_name():
    with pytest.raises(SpecError, match=r"unknown family 'gausian'; allowed: .*mean 'gaussian'"):
        family("gausian")


def test_a_declaration_states_what_a_model_is_for():
    @conditional(kinds=["nominal"], summary="mine")
    def coded(design, response, priors): ...

    @conditional()
    def plain(design, response, priors):
        """Say what it does.

        More.
        """

    assert as_family(coded).facts.response == "codes"
    assert as_family(coded).facts.kinds == {Kind.NOMINAL}
    assert as_family(plain, "renamed").facts.name == "renamed"
    assert as_family(plain).facts.summary == "Say what it does."
    assert as_family(plain).facts.response == "natural"
    assert Kind.CONTINUOUS in as_family(plain).facts.kinds
    assert not as_family(plain).shared


@pytest.mark.parametrize(
    ("declaration", "text"),
    [
        ({"kinds": ["nominl"]}, "unknown kind 'nominl'; .* Did you mean 'nominal'"),
        ({"response": "code"}, "unknown response 'code'; .* Did you mean 'codes'"),
    ],
)
def test_a_wrong_declaration_is_refused(declaration, text):
    with pytest.raises(SpecError, match=text):
        conditional(**declaration)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine.py").write_text(MODEL)
    (tmp_path / "broken.py").write_text("import no_such_module_anywhere\n")
    return tmp_path


def test_a_model_in_a_file_is_loaded_and_fitted(folder):
    assert is_reference("mine.py:double_exponential") and not is_reference("gaussian")
    member: Family = load_reference(
        "mine.py:double_exponential", [folder / "nowhere", folder], allowed=True
    )
    assert member.facts.name == "mine.py:double_exponential"
    assert member.facts.summary == "Laplace errors"
    rng = np.random.default_rng(4)
    X = rng.standard_normal((400, 1))
    y = 0.8 * X[:, 0] + rng.laplace(0.0, 0.5, 400)
    task = Task(member, Design(X, ("x",)), Response("y", y), "own", {})
    beta = fit(task, "auto", np.random.default_rng(1)).draws["beta"]
    # Fisher information of a location under Laplace errors of scale b is 1 / b^2 a row.
    assert abs(beta.mean() - 0.8) < 4 * 0.5 / np.sqrt(400)
    assert beta.std() == pytest.approx(0.5 / np.sqrt(400), rel=0.3)


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("absent.py:f", "family 'absent.py:f': there is no file 'absent.py' beside the chain"),
        ("broken.py:f", "broken.py fails on import: No module named 'no_such_module_anywhere'"),
        (
            "mine.py:double_exp",
            "unknown function 'double_exp'; .* Did you mean 'double_exponential'",
        ),
        ("mine.py:LIMIT", "unknown function 'LIMIT'; allowed: 'conditional', 'double_exponential'"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(reference, text, folder):
    with pytest.raises(SpecError, match=text):
        load_reference(reference, [folder], allowed=True)
