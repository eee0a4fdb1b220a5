"""A chain as a record: round trips, digest, and errors of its own."""

import json
import tomllib
from dataclasses import fields, replace

import pytest

from posynth.chain.default import default_chain
from posynth.chain.facts import CATEGORICAL, NUMERIC, FamilyFacts
from posynth.chain.spec import ChainSpec, Conditional
from posynth.chain.toml import chain_from_toml, chain_to_toml, declare, read_chain
from posynth.errors import SpecError

FULL = Conditional(
    target="bmi_missing",
    family="models/mine.py:holes",
    predictors=("age", "edu"),
    formula="",
    prior="weak",
    scales={"slope": 0.5, "intercept": 2.0},
    engine="nuts",
    indicates="bmi",
    note='said "so", in two\nlines',
    options={"trials": 10.0, "spikes": (0.0, 40.0)},
)
FORMULA = Conditional("bmi", "gaussian", formula="poly(age, 2) + edu:smoke", engine="exact")

LEARNED = Conditional(
    "income", "student", scale="learned", splines=3, interactions=(("age", "edu"), ("a:b", "c"))
)
ASKED = Conditional(
    "income",
    "pmm",
    strata="edu",
    keep_groups="school",
    new_groups="class",
    slopes=("age", "ses"),
    per_group="school",
    improper=True,
    copies_values=True,
)
STRUCTURED = Conditional(
    "weight", "structured", splines=8, interactions=(("age", "edu"),), spread=("age", "edu")
)
TILTED = Conditional("height", "tilted", scale="learned", corrections=("age", "edu"))
PRIORS = Conditional(
    "income", "categorical", priors={"age": (0.2, 0.1), "intercept": {"poor": (1.0, 2.0)}}
)
RULED = Conditional("total", "passive", passive="age + `bmi of birth`")
KEPT = Conditional("leave", "gaussian", rules=("leave >= arrival", "leave <= 99 if sex == 'm'"))


@pytest.fixture
def spec() -> ChainSpec:
    return ChainSpec((Conditional("age", "gaussian", ()), FULL, FORMULA, LEARNED), missing="error")


def test_every_field_differs_from_its_default_somewhere(spec):
    plain = Conditional("", "")
    for field in fields(Conditional):
        every = (*spec, ASKED, STRUCTURED, TILTED, RULED, KEPT, PRIORS)
        assert any(getattr(c, field.name) != getattr(plain, field.name) for c in every), field.name


def test_a_chain_survives_plain_data(spec):
    whole = replace(spec, conditionals=(*spec, ASKED, STRUCTURED, TILTED, RULED, KEPT, PRIORS))
    assert ChainSpec.from_dict(json.loads(json.dumps(whole.to_dict()))) == whole


def test_an_empty_list_of_predictors_is_not_the_same_as_none():
    marginal, full = Conditional("a", "gaussian", ()), Conditional("a", "gaussian")
    for link in (marginal, full):
        assert ChainSpec.from_dict(ChainSpec((link,)).to_dict())["a"] == link
    assert ChainSpec((marginal,)).digest() != ChainSpec((full,)).digest()


def test_a_chain_survives_toml(schema):
    spec = default_chain(schema).with_conditional(FULL)
    text = chain_to_toml(spec, schema, {})
    again, declared = chain_from_toml(text)
    assert again == spec
    assert set(declared) == set(schema.names)
    assert tomllib.loads(text)["conditional"][0]["target"] == "age"


def test_a_chain_with_scales_written_out_is_the_same_chain_in_words(schema):
    facts = FamilyFacts("gaussian", NUMERIC, "", {"weak": {"slope": 2.5, "sigma": 1.0}})
    spec = ChainSpec((Conditional("age", "gaussian", scales={"sigma": 3.0}),))
    again, _ = chain_from_toml(chain_to_toml(spec, schema, {"gaussian": facts}))
    assert again["age"].prior == "weak"
    assert again["age"].scales == {"slope": 2.5, "sigma": 3.0}


SECTION = """
[predictors]
bmi = {names}

[[conditional]]
target = "age"
family = "gaussian"

[[conditional]]
target = "bmi"
family = "gaussian"
"""


def test_predictors_may_stand_in_a_section_of_their_own():
    spec, _ = chain_from_toml(SECTION.format(names='["age"]'))
    assert spec["bmi"].predictors == ("age",) and spec["age"].predictors is None
    for text, message in (
        (SECTION.format(names='"age"'), "predictors of 'bmi' = 'age' must be a list of columns"),
        (SECTION.format(names="[1]"), r"predictors of 'bmi' = \[1\] must be a list"),
        (SECTION.replace("bmi = {names}", "bmy = []"), "unknown conditional 'bmy'; .* mean 'bmi'"),
        ("predictors = 3\n", "predictors = 3 must be a table"),
        (SECTION.format(names="[]") + "predictors = ['age']\n", "and in its conditional; keep one"),
    ):
        with pytest.raises(SpecError, match=message):
            chain_from_toml(text)


def test_what_a_chain_file_declares_of_columns_is_taken_over(schema):
    _, declared = chain_from_toml(chain_to_toml(default_chain(schema), schema, {}))
    assert declare(schema, declared) == schema
    changed = declare(schema, {"edu": {"levels": ["low", "middle", "high", "top"]}})
    assert changed["edu"].levels == ("low", "middle", "high", "top")
    assert changed["age"] == schema["age"]
    with pytest.raises(SpecError, match=r"unknown column 'agee'.*Did you mean 'age'"):
        declare(schema, {"agee": {"kind": "count"}})


def test_levels_keep_their_types_in_toml(schema):
    column = replace(schema["edu"], levels=(1, 2, 3), dtype="int64")
    typed = schema.with_column(column)
    _, declared = chain_from_toml(chain_to_toml(default_chain(typed), typed, {}))
    assert declare(schema, declared)["edu"].levels == (1, 2, 3)


def test_names_that_toml_would_split_survive(schema):
    name = 'a.b "c" [d] = é#'
    odd = replace(schema, columns=(replace(schema["age"], name=name), *schema.columns[1:]))
    spec, declared = chain_from_toml(chain_to_toml(default_chain(odd), odd, {}))
    assert spec.targets[0] == name and name in declared


def test_the_digest_is_stable_and_does_not_count_notes(spec):
    assert spec.digest() == ChainSpec.from_dict(spec.to_dict()).digest()
    assert spec.digest() == "3037c06245ffa796"
    noted = spec.with_conditional(replace(spec["age"], note="for a reason"))
    assert noted.digest() == spec.digest()


@pytest.mark.parametrize(
    "change",
    [
        {"family": "other"},
        {"predictors": ("age",)},
        {"formula": "age"},
        {"prior": "flat"},
        {"scales": {"slope": 0.4, "intercept": 2.0}},
        {"engine": "hmc"},
        {"indicates": "income"},
    ],
)
def test_the_digest_counts_everything_else(spec, change):
    assert spec.with_conditional(replace(FULL, **change)).digest() != spec.digest()
    assert replace(spec, missing="pattern").digest() != spec.digest()


def test_the_order_counts_in_the_digest(spec):
    swapped = replace(spec, conditionals=spec.conditionals[::-1])
    assert swapped.digest() != spec.digest()


def test_a_chain_is_read_by_name(spec):
    assert [c.target for c in spec] == ["age", "bmi_missing", "bmi", "income"] and len(spec) == 4
    assert spec["bmi"] is FORMULA
    assert spec.columns == ("age", "bmi", "income")
    assert spec.indicators == {"bmi": "bmi_missing"}
    assert spec.earlier("bmi_missing") == spec.earlier("bmi") == ("age",)
    assert spec.predictors("bmi_missing") == ("age", "edu")
    assert spec.predictors("bmi") == ("age",)
    with pytest.raises(SpecError, match=r"unknown conditional 'bmy'.*Did you mean 'bmi'"):
        spec["bmy"]
    with pytest.raises(SpecError, match="unknown conditional 'new'"):
        spec.with_conditional(Conditional("new", "gaussian"))


WRONG = [
    ({"missing": "impute"}, "unknown missing-data plan 'impute'; allowed: 'error', 'pattern'"),
    ({"conditional": {"target": "a"}}, r"must be a list of tables: write each as \[\[cond"),
    ({"conditional": 3}, "must be a list of tables"),
    ({"conditional": [3]}, "must be a list of tables"),
    ({"conditional": [{"family": "gaussian"}]}, r"conditional '\?': the key 'target' is missing"),
    ({"conditional": [{"target": "a"}]}, "conditional 'a': the key 'family' is missing"),
    ({"conditional": [{"target": "a", "familiy": "x"}]}, "unknown key 'familiy'.*mean 'family'"),
    ({"conditional": [{"target": 1, "family": "g"}]}, r"target = 1 is of the wrong type \(int\)"),
    (
        {"conditional": [{"target": "a", "family": "g", "predictors": "b"}]},
        r"predictors = 'b' is of the wrong type \(str\); see the chain file that `posynth",
    ),
    (
        {"conditional": [{"target": "a", "family": "g", "scales": {"slope": True}}]},
        "conditional 'a': scale slope = True must be a number",
    ),
    (
        {"conditional": [{"target": "a", "family": "g", "engine": "stan"}]},
        "conditional 'a': unknown engine 'stan'; allowed: 'auto', 'exact', 'hmc', 'laplace'",
    ),
]


@pytest.mark.parametrize(("data", "text"), WRONG)
def test_wrong_data_is_refused(data, text):
    with pytest.raises(SpecError, match=text):
        ChainSpec.from_dict(data)


WRONG_TOML = [
    ("missing = [", "not a TOML document"),
    ("[columns]\n[columns]", "not a TOML document"),
    ("speed = 3", "unknown key 'speed'; allowed: 'columns', 'conditional', 'missing', 'posynth'"),
    ("columns = 3", r"columns = 3 must be a table: write \[columns\]"),
    ("[columns]\nage = 3", r"column 'age' = 3 must be a table, as \{kind = 'nominal'\}"),
    ("[columns.age]\nkin = 'count'", "column 'age': unknown key 'kin'.*Did you mean 'kind'"),
    ("[columns.age]\nkind = 'cont'", "column 'age': unknown kind 'cont'; .* mean 'count'"),
    ("[columns.age]\nlevels = 3", "column 'age': levels = 3 must be of type list"),
    ("[columns.age]\ndecimals = 'two'", "column 'age': decimals = 'two' must be of type int"),
    ("[columns.age]\ndecimals = true", "column 'age': decimals = True must be of type int"),
]


@pytest.mark.parametrize(("text", "error"), WRONG_TOML)
def test_a_wrong_document_is_refused_under_its_name(text, error):
    with pytest.raises(SpecError, match=f"(?s)^chain.toml: .*{error}"):
        chain_from_toml(text, "chain.toml")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b"note = '\xe9'")
    for name in ("none.toml", "latin.toml"):
        with pytest.raises(SpecError, match=f"chain file '{name}' cannot be read: .*Error"):
            read_chain(tmp_path / name)


def test_facts_name_their_first_prior_as_default():
    facts = FamilyFacts("f", CATEGORICAL, "", {"narrow": {"slope": 1.0}, "wide": {}})
    assert facts.default_prior == "narrow"
    assert FamilyFacts("f", NUMERIC, "").default_prior == "own"


def test_a_label_says_what_is_done_with_scale_and_groups():
    plain = Conditional("y", "gaussian")
    assert plain.label == "gaussian"
    assert replace(plain, scale="learned").label == "gaussian, learned scale"
    grouped = replace(plain, family="gaussian_ml", keep_groups="ward", slopes=("age",))
    assert grouped.label == "gaussian_ml, keep_groups = ward, slopes = age"
