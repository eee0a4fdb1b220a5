"""Bambi's priors, links and likelihood around a design that can be replaced.

A design holds standardised numbers and centred 0/1 contrasts; a contrast above 0 marks its level.
Bambi reads a data frame made of that, to find terms and automatic priors. Its coefficients and its
response distribution are then built by Bambi itself, but the linear predictor between them is
written on ``X``: that Bambi's own design of the rows at hand is the same is checked each time.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from posynth.chain.blocks import Floats
from posynth.errors import SpecError, unknown
from posynth.families.bambi_formulas import Formulas
from posynth.families.bambi_response import Observed, require_left, response_term, transformed
from posynth.families.base import Design, Response

if TYPE_CHECKING:
    import pymc as pm

type Marks = Mapping[str, int]

RESPONSE = "response"
#: Names the model needs for itself.
TAKEN = ("X", "y", RESPONSE)
REFERENCE = "reference level"
#: Rows of a stand-in where there are no data: a model is written to draw from stored parameters.
STAND_IN = 60


def write(formulas: Formulas, design: Design, response: Response) -> "pm.Model":
    """Write the PyMC model of a response given a design.

    Raises
    ------
    SpecError
        If the left side is not about this column, a column of the right side is no predictor, or
        a name clashes.
    """
    import pymc as pm
    from bambi.backend.model_components import ConstantComponent
    from bambi.backend.pymc import PyMCModel

    require_left(formulas, response)
    formulas = replace(formulas, left=formulas.left.settled(response.center, response.scale))
    marks = {name: _marks(name, design.predictors) for name in formulas.columns}
    spec, read = _spec(formulas, marks, design, response)
    y = response.y if response.levels else np.asarray(response.y, dtype=np.float64)
    backend = PyMCModel()
    with pm.Model(coords={"predictor": design.predictors}) as model:
        X = pm.Data("X", design.X, dims=("row", "predictor"))
        observed = pm.Data("y", y, dims="row")
        model.add_coord("__obs__", length=X.shape[0])
        backend.model = model
        for name, component in spec.marginal_parameters.items():
            backend.components[name] = ConstantComponent(component)
            backend.components[name].build(backend, spec)
        for name, component in spec.conditional_parameters.items():
            backend.components[name] = _linear(component, spec, marks, X, read)
        term = Observed(spec.response_term, observed)
        response_term(formulas.left)(term, spec.family).build(backend, spec)
    return model


def _marks(name: str, predictors: tuple[str, ...]) -> Marks:
    """Return where a column stands in X: a number under its own name, or its levels."""
    if name in predictors:
        return {"": predictors.index(name)}
    start = f"{name}["
    found = {p[len(start) : -1].removeprefix("T."): j for j, p in enumerate(predictors)
             if p.startswith(start)}  # fmt: skip
    if not found:
        columns = sorted({p.partition("[")[0] for p in predictors})
        raise SpecError(f"Bambi formula: {unknown('predictor', name, columns)}")
    return found


def _spec(
    formulas: Formulas, marks: Mapping[str, Marks], design: Design, response: Response
) -> tuple[Any, Floats]:
    """Let Bambi read the formulas on the rows at hand, or on a stand-in where there are none."""
    import bambi

    X, y = design.X, np.asarray(response.y)
    if len(np.unique(y)) < 2:
        X, y = _stand_in(formulas, marks, design, response)
    elif formulas.left.transformed:
        y = transformed(formulas, y)
    frame = pd.DataFrame({name: _column(X, places) for name, places in marks.items()})
    frame[RESPONSE] = _levels_of(response, y) if len(response.levels) > 2 else y
    try:
        spec = bambi.Model(
            bambi.Formula(f"{RESPONSE} ~ {formulas.main}", *formulas.others),
            frame,
            family=formulas.family,
            priors=dict(formulas.priors),
            link=formulas.link,
            noncentered=formulas.noncentered,
            center_predictors=False,
        )
    except (ValueError, KeyError, AttributeError) as error:
        raise SpecError(f"Bambi refuses {formulas.main!r}: {error}") from None
    named = [term for part in spec.conditional_parameters.values() for term in part.terms]
    clash = sorted({*named, *spec.parameters} & set(TAKEN))
    if clash:
        raise SpecError(f"Bambi formula: {clash[0]!r} is a name of the model's own; rename it")
    return spec, X


def _stand_in(
    formulas: Formulas, marks: Mapping[str, Marks], design: Design, response: Response
) -> tuple[Floats, Any]:
    """Return rows of every level and numbers that vary; only the model's form depends on them."""
    X = np.random.default_rng(0).normal(size=(STAND_IN, design.X.shape[1]))
    for stride, places in enumerate(each for each in marks.values() if "" not in each):
        level = np.arange(STAND_IN) // (stride + 1) % (len(places) + 1)
        for place, j in enumerate(places.values(), start=1):
            X[:, j] = np.where(level == place, 0.5, -0.5)
    if response.levels:
        return X, np.arange(STAND_IN) % len(response.levels)
    y = 1.0 + np.arange(STAND_IN) % 5
    return X, y / 7 if formulas.family == "beta" else y


def _levels_of(response: Response, codes: Any) -> Any:
    return pd.Categorical.from_codes(codes, categories=pd.Index(response.levels), ordered=True)


def _column(X: Floats, places: Marks) -> Any:
    if "" in places:
        return X[:, places[""]]
    codes = np.zeros(len(X), dtype=np.int64)
    for place, j in enumerate(places.values(), start=1):
        codes[X[:, j] > 0] = place
    # Ordered, so that formulae keeps this order, and levels that no row has.
    levels = pd.Index([REFERENCE, *places])
    return pd.Categorical.from_codes(codes, categories=levels, ordered=True)


def _linear(component: Any, spec: Any, marks: Mapping[str, Marks], X: Any, read: Floats) -> Any:
    """Return a component of Bambi whose predictor is written on X, (row,)."""
    import pymc as pm
    from bambi.backend.model_components import DistributionalComponent
    from bambi.backend.terms import CommonTerm, GroupSpecificTerm

    model, found = pm.modelcontext(None), DistributionalComponent(component)
    if component.offset_terms or component.hsgp_terms:
        raise SpecError("Bambi formula: offsets and Gaussian processes cannot be taken")
    found.build_intercept(spec)
    for term in component.common_terms.values():
        _require_same(term.name, _matrix(term.term, marks, read), term.data)
        common = CommonTerm(term)
        model.add_coords({k: v for k, v in common.coords.items() if k not in model.coords})
        found.output += _matrix(term.term, marks, X) @ common.build(spec)
    for term in component.group_specific_terms.values():
        _require_same(term.name, _matrix(term.term.expr, marks, read), term.predictor)
        _require_same(term.name, _group(term.term.factor, marks, read), term.group_index)
        group = GroupSpecificTerm(term, spec.noncentered)
        model.add_coords({k: v for k, v in group.coords.items() if k not in model.coords})
        effects = group.build(spec)[_group(term.term.factor, marks, X)]
        effects = effects if effects.ndim > 1 else effects[:, None]
        found.output += (effects * _matrix(term.term.expr, marks, X)).sum(axis=1)
    return found


def _indicators(places: Marks, X: Any) -> list[Any]:
    """Return one 0/1 vector a level, the reference first."""
    others = [(X[:, j] > 0) * 1.0 for j in places.values()]
    return [1.0 - reduce(lambda a, b: a + b, others), *others]


def _matrix(term: Any, marks: Mapping[str, Marks], X: Any) -> Any:
    """Return the columns of a term, (row, p): of an array as of a tensor."""
    columns = [X[:, 0] * 0.0 + 1.0]
    for component in getattr(term, "components", ()):
        places = marks[component.name]
        if "" in places:
            own = [X[:, places[""]]]
        else:
            coded = np.asarray(component.contrast_matrix.matrix, dtype=np.float64)
            levels = _indicators(places, X)
            own = [sum(w * v for w, v in zip(ws, levels, strict=True)) for ws in coded.T]
        columns = [a * b for a in columns for b in own]
    return _side_by_side(columns)


def _side_by_side(columns: list[Any]) -> Any:
    if isinstance(columns[0], np.ndarray):
        return np.column_stack(columns)
    import pytensor.tensor as pt

    return pt.stack(columns, axis=1)


def _group(factor: Any, marks: Mapping[str, Marks], X: Any) -> Any:
    """Return the number of each row's group, (row,)."""
    index: Any = 0
    for component in factor.components:
        places = marks[component.name]
        if "" in places:
            raise SpecError(f"Bambi formula: groups {component.name!r} must be a column of levels")
        level = sum(k * v for k, v in enumerate(_indicators(places, X)))
        index = index * (len(places) + 1) + level
    return index.astype("int64")


def _require_same(name: str, ours: Floats, theirs: Any) -> None:
    """Refuse a term that Bambi codes otherwise than it is written here."""
    if not np.allclose(ours.ravel(), np.asarray(theirs, dtype=np.float64).ravel()):
        raise SpecError(f"Bambi formula: term {name!r} is coded in a way that cannot be replayed")
