"""Everything that can be wrong with a chain is found before the first fit, in words."""

from dataclasses import replace

import pytest

from posynth.chain.check import MAX_CELLS, check_chain
from posynth.chain.default import default_chain
from posynth.chain.facts import FamilyFacts
from posynth.chain.spec import ChainSpec, Conditional
from posynth.errors import SpecError
from posynth.families import facts
from posynth.table.schema import Column, Kind, Schema

FACTS = facts()


@pytest.fixture
def spec(schema) -> ChainSpec:
    return default_chain(schema)


def _without(spec, *targets):
    return replace(spec, conditionals=tuple(c for c in spec if c.target not in targets))


def test_the_default_chain_passes(spec, schema):
    check_chain(spec, schema, FACTS)


CHANGED = [
    ("age", {"family": "gausian"}, "column 'age': unknown family 'gausian'.*mean 'gaussian'"),
    (
        "age",
        {"family": "categorical"},
        "column 'age' is count; family 'categorical' models binary, nominal, ordinal columns. "
        "Families for count columns: .*gaussian",
    ),
    (
        "bmi_missing",
        {"family": "gaussian"},
        "column 'bmi' is binary; family 'gaussian' models continuous, count, date columns",
    ),
    ("age", {"prior": "wek"}, "'age', family 'gaussian': unknown prior 'wek'.*mean 'weak'"),
    (
        "age",
        {"prior": "flat", "scales": {"slope": 1.0}},
        "column 'age': prior 'flat' has no scales, and slope are given",
    ),
    ("age", {"scales": {"slope": 0.0}}, "scale slope = 0.0; it must be a positive, finite number"),
    ("age", {"scales": {"slope": float("inf")}}, "scale slope = inf; it must be a positive"),
    ("age", {"scales": {"slope": float("nan")}}, "scale slope = nan; it must be a positive"),
    (
        "smoke",
        {"engine": "exact"},
        "column 'smoke': family 'bernoulli' has no exact posterior; use engine 'auto', 'laplace'",
    ),
    ("edu", {"predictors": ("agee",)}, "'edu': unknown predictor 'agee'.*Did you mean 'age'"),
    (
        "edu",
        {"predictors": ("bmi",)},
        "column 'edu': predictor 'bmi' is not visited before it; visited before: 'age'$",
    ),
    (
        "age",
        {"predictors": ("age",)},
        "column 'age': predictor 'age' is not visited before it; visited before: nothing$",
    ),
    (
        "edu",
        {"predictors": ("bmi_missing",)},
        "column 'edu': unknown predictor 'bmi_missing'",
    ),
    (
        "income",
        {"predictors": ("age",), "formula": "age"},
        "column 'income' has both a formula and predictors; keep one of them",
    ),
    (
        "income",
        {"formula": "age + rare"},
        r"column 'income', formula 'age \+ rare': 'rare' is not visited before it; visited "
        "before: 'age', 'edu', 'smoke', 'bmi', 'bmi_missing'$",
    ),
    ("income", {"formula": "`remark` + age"}, "'remark' is not visited before it"),
    ("income", {"formula": "income ~ age"}, "write the right-hand side only, without '~'"),
    ("income", {"formula": "age | edu"}, "write the right-hand side only"),
    (
        "smoke",
        {"family": "dirichlet", "predictors": ("age",)},
        r"column 'smoke': family 'dirichlet' crosses its predictors' levels, but 'age' is count; "
        r"list predictors that are categorical \(predictors = \[\] for the marginal\)",
    ),
]


@pytest.mark.parametrize(("target", "change", "text"), CHANGED)
def test_a_wrong_conditional_is_refused(spec, schema, target, change, text):
    changed = spec.with_conditional(replace(spec[target], **change))
    with pytest.raises(SpecError, match=text):
        check_chain(changed, schema, FACTS)


ALLOWED = [
    {"predictors": ("bmi_missing", "age")},
    {"predictors": ()},
    {"formula": "log(age) + poly(bmi, 2):smoke + bmi_missing + C(edu, contr.treatment('low'))"},
    {"formula": "np.log(age) + I(bmi**2)"},
    {"formula": "`age`"},
]


@pytest.mark.parametrize("change", ALLOWED)
def test_what_may_predict_is_let_through(spec, schema, change):
    changed = spec.with_conditional(replace(spec["income"], **change))
    check_chain(changed, schema, FACTS)


def test_a_function_may_have_the_name_of_a_later_column(schema, spec):
    columns = tuple(replace(c, name="log") if c.name == "rare" else c for c in schema)
    renamed = default_chain(replace(schema, columns=columns))
    changed = renamed.with_conditional(replace(renamed["income"], formula="log(age)"))
    check_chain(changed, replace(schema, columns=columns), FACTS)


def test_columns_and_conditionals_must_match(spec, schema):
    wrong = [
        (ChainSpec(()), "the chain has no conditional for 'age', 'edu'"),
        (
            replace(spec, conditionals=(*spec, Conditional("agee", "gaussian"))),
            "chain: unknown column 'agee'.*Did you mean 'age'",
        ),
        (
            replace(spec, conditionals=(*spec, spec["age"])),
            "chain: conditional 'age' stands more than once",
        ),
        (
            _without(spec, "age"),
            "chain: column 'age' has no conditional; add one, or declare its kind as 'identifier'",
        ),
        (
            replace(spec, conditionals=(*spec, Conditional("key", "gaussian"))),
            "chain: column 'key' has a conditional but its kind is 'identifier', which is filled",
        ),
        (
            _without(spec, "bmi_missing"),
            "column 'bmi' has 60 missing values but no missingness indicator; add a conditional "
            "with indicates = 'bmi'",
        ),
        (
            _without(spec, "ward_missing"),
            "column 'ward' has 30 missing values but no missingness indicator",
        ),
    ]
    for chain, text in wrong:
        with pytest.raises(SpecError, match=text):
            check_chain(chain, schema, FACTS)


def test_an_indicator_stands_directly_before_its_column(spec, schema):
    first = spec["bmi_missing"]
    moved = replace(spec, conditionals=(first, *_without(spec, "bmi_missing")))
    text = "the indicator 'bmi_missing' must stand directly before the conditional of 'bmi'"
    with pytest.raises(SpecError, match=text):
        check_chain(moved, schema, FACTS)


def test_holes_are_refused_where_the_plan_says_so(spec, schema):
    text = "column 'bmi' has 60 missing values and the plan for missing values is 'error'"
    with pytest.raises(SpecError, match=text):
        check_chain(replace(spec, missing="error"), schema, FACTS)
    whole = replace(schema, columns=tuple(replace(c, missing=0) for c in schema))
    check_chain(default_chain(whole, missing="error"), whole, FACTS)


def test_holes_of_columns_that_are_filled_need_no_plan(schema):
    columns = tuple(replace(c, missing=0) if c.name != "remark" else c for c in schema)
    whole = replace(schema, columns=columns)
    check_chain(default_chain(whole, missing="error"), whole, FACTS)


def test_too_many_cells_are_refused():
    side = int(MAX_CELLS**0.5) + 1
    levels = tuple(f"l{i}" for i in range(side))
    columns = tuple(Column(name, Kind.NOMINAL, "str", levels=levels) for name in "abc")
    schema = Schema(columns, 100)
    spec = default_chain(schema, methods={"b": "dirichlet", "c": "dirichlet"})
    with pytest.raises(SpecError, match=f"column 'c': crossing .* gives {side**2} cells, more"):
        check_chain(spec, schema, FACTS)


def test_a_family_without_exact_priors_says_where_it_has_one(schema, spec):
    named = FamilyFacts(
        "gaussian",
        FACTS["gaussian"].kinds,
        "",
        {"weak": {}, "flat": {}},
        exact="linear",
        exact_priors=("flat",),
    )
    changed = spec.with_conditional(replace(spec["age"], engine="exact"))
    text = r"no exact posterior under prior 'weak' \(it has one under 'flat'\); use engine"
    with pytest.raises(SpecError, match=text):
        check_chain(changed, schema, FACTS | {"gaussian": named})
