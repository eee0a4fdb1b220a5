"""How a response or a column of events is coded for a model, and which level is the event."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from posynth.errors import MeasureError, unknown

type Levels = Sequence[Any] | None

#: Two levels that say themselves which of them is the event.
_SAID = ({"no", "yes"}, {"n", "y"}, {"false", "true"}, {"0", "1"}, {"censored", "event"})


#: Levels beyond which a response that lacks some of them is no response of levels.
MANY_LEVELS = 20


SHARES = (
    "the response {!r} is taken for proportions, each of one trial: of more trials the standard "
    "errors are too large, unless they are robust"
)


class Coded(NamedTuple):
    """A response as its model takes it.

    Attributes
    ----------
    values : pandas.Series
        Numbers, codes or an ordered categorical.
    levels : tuple of str
        The levels in order, or ``()`` for numbers.
    note : str
        What had to be decided, or ``""``.
    """

    values: "pd.Series[Any]"
    levels: tuple[str, ...] = ()
    note: str = ""


type Coding = Callable[["pd.Series[Any]", Levels, Any], Coded]


def levels_of(column: "pd.Series[Any]", levels: Levels) -> list[Any]:
    """Return the levels in order: those given, the categories, or the sorted values."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        known = list(column.cat.categories)
    else:
        known = sorted(column.dropna().unique().tolist())
    return known if levels is None else [_like(level, known) for level in levels]


def one_coding(
    column: "pd.Series[Any]", known: Collection[Any], shares: bool = True
) -> "pd.Series[Any]":
    """Return a column of levels with those that occur in any of the tables analysed alike.

    Without this 1 and 2 in one copy and 2 and 3 in another would be the same two levels. Booleans
    have two levels, and more than two numbers from 0 to 1 are none where they may be ``shares``.

    Examples
    --------
    >>> one_coding(pd.Series([1, 2]), (1, 2, 3)).cat.categories.tolist()
    [1, 2, 3]
    """
    if pd.api.types.is_bool_dtype(column.dtype):
        return column
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.set_categories([c for c in column.cat.categories if c in known])
    numeric = pd.api.types.is_numeric_dtype(column.dtype)
    if shares and numeric and _may_be_shares(known):
        return column
    return column.astype(pd.CategoricalDtype(list(known)))


def _may_be_shares(known: Collection[Any]) -> bool:
    """Tell 0/1 and more than two numbers from 0 to 1 from two levels that are such numbers."""
    within = len(known) > 1 and all(0 <= level <= 1 for level in known)
    return within and (len(known) > 2 or set(known) == {0, 1})


def _like(level: Any, known: Collection[Any]) -> Any:
    """Return the known level that is meant: numbers may be written as text."""
    if level in known:
        return level
    for each in known:
        if str(each) == str(level) or _number(each) == _number(level) is not None:
            return each
    return level


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def codes(column: "pd.Series[Any]", levels: Levels, event: Any = None) -> Coded:
    """Code levels as 0, 1, 2 ...; a level that never occurs is refused.

    Parameters
    ----------
    column : pandas.Series
        The response, n values.
    levels : sequence, optional
        Its levels in order; else the categories, or the sorted values.
    event : object, optional
        None: only a model of two levels has an event.

    Raises
    ------
    MeasureError
        Naming the level.

    Examples
    --------
    >>> codes(pd.Series(["b", "a", "b"], name="s"), None).values.tolist()
    [1.0, 0.0, 1.0]
    """
    _refuse_event(column, event)
    known = levels_of(column, levels)
    outside = column[column.notna() & ~column.isin(known)]
    if len(outside):
        said = unknown("level", outside.tolist()[0], known)
        hint = "; name all levels that occur, in order (--levels, levels=)" if levels else ""
        raise MeasureError(f"response {column.name!r}: {said}{hint}")
    at = pd.Categorical(column, categories=known).codes.astype(float)
    at[at < 0] = np.nan
    absent = [str(level) for j, level in enumerate(known) if not (at == j).any()]
    if absent and len(known) > MANY_LEVELS:
        raise MeasureError(
            f"response {column.name!r} takes {len(known)} different values, too many for levels; "
            "use model 'ols' or 'glm', or cut it into levels first"
        )
    if absent:
        own = list(map(str, levels_of(column, None)))
        step = "merge rare levels before fitting"
        if absent[0] not in own:
            step = f"its levels are {', '.join(map(repr, own))}: correct those given (--levels, "
            step += "levels=)"
        raise MeasureError(f"response {column.name!r} never takes the level {absent[0]!r}; {step}")
    values = pd.Series(at, index=column.index, name=column.name)
    return Coded(values, tuple(map(str, known)))


def number(column: "pd.Series[Any]", levels: Levels, event: Any = None) -> Coded:
    """Keep numbers and refuse levels."""
    _refuse_event(column, event)
    logical = pd.api.types.is_bool_dtype(column.dtype)
    if levels is not None and (logical or pd.api.types.is_numeric_dtype(column.dtype)):
        raise MeasureError(
            f"response {column.name!r} holds {'True and False' if logical else 'numbers'}, and "
            "this model takes no levels; leave them out (--levels, levels=), or use model 'logit', "
            "'mnlogit' or 'ordered'"
        )
    if logical:
        return _varying(column.astype(float))
    if pd.api.types.is_numeric_dtype(column.dtype):
        infinite = int(np.isinf(column.to_numpy(dtype=float)).sum())
        if infinite:
            raise MeasureError(
                f"response {column.name!r} is infinite in {infinite} rows; make these missing, or "
                "model a function of it that is finite"
            )
        return _varying(column)
    raise MeasureError(
        f"response {column.name!r} has levels, not numbers; use model 'logit', 'mnlogit' or "
        "'ordered', or a numeric column"
    )


def _varying(column: "pd.Series[Any]") -> Coded:
    """Refuse a numeric response that is constant: its standard errors would be 0."""
    if len(column) > 1 and column.nunique() == 1:
        raise MeasureError(
            f"response {column.name!r} is {column.iloc[0]:g} in every row, so that there is no "
            "variance to estimate; make longer copies"
        )
    return Coded(column)


def event(column: "pd.Series[Any]", levels: Levels, event: Any = None) -> Coded:
    """Code one of two levels as the event, 1, and say which.

    Numbers from 0 to 1 are kept: 0/1, or proportions (see ``one_coding``). Of two other numbers the
    larger is the event, of two levels the second, as in R; ``event`` chooses another, against all
    that remain.

    Raises
    ------
    MeasureError
        If there are not two levels and no event is chosen.

    Examples
    --------
    >>> event(pd.Series([1, 2, 2], name="s"), None).note
    "the event of 's' is 2, against 1"
    """
    if event is not None:
        return _chosen(column, levels, event, "response")
    logical = pd.api.types.is_bool_dtype(column.dtype)
    if logical and levels is None:
        return Coded(column.astype(float), ("False", "True"))
    numeric = pd.api.types.is_numeric_dtype(column.dtype)
    if numeric and levels is None and column.dropna().between(0, 1).all():
        _refuse_constant(column, "response")
        shares = not column.dropna().isin((0, 1)).all()
        return Coded(column, note=SHARES.format(column.name) if shares else "")
    known = levels_of(column, levels)
    if len(known) != 2:
        shown = known if len(known) <= 8 else [*known[:8], "..."]
        raise MeasureError(
            f"response {column.name!r} has {len(known)} level(s) {shown}; a yes/no model "
            "needs 2: choose the event (--event LEVEL, event=), pass levels=(no, yes), merge "
            "levels, or use model 'mnlogit' or 'ordered'"
        )
    coded = codes(column, known)
    return coded._replace(note=_event_note(column, known[1], known[:1]))


def status(column: "pd.Series[Any]", event: Any = None) -> Coded:
    """Code a column of events as 0 = censored and 1 = event.

    Booleans and 0/1 are what they say, as are no/yes. Of 1/2 the event is 2, as R's ``Surv``
    has it. Any other levels need ``event``: the alphabet does not know who died.

    Raises
    ------
    MeasureError
        If it is not clear which level is the event.

    Examples
    --------
    >>> status(pd.Series(["died", "survived"], name="s"), "died").values.tolist()
    [1.0, 0.0]
    """
    if event is not None:
        return _chosen(column, None, event, "status")
    if pd.api.types.is_bool_dtype(column.dtype):
        return _with_events(Coded(column.astype(float), ("False", "True")))
    known = levels_of(column, None)
    _refuse_constant(column, "status", known)
    numeric = all(isinstance(level, int | float | np.number) for level in known)
    if numeric and set(known) <= {0, 1}:
        return _with_events(Coded(column.astype(float)))
    pair = {str(level).casefold() for level in known}
    said = next((each for each in _SAID if pair <= each and len(known) == 2), None)
    if said is not None or (numeric and set(known) <= {1, 2} and 2 in known):
        last = max(known, key=lambda level: (_number(level) or 0.0, str(level).casefold()))
        others = [level for level in known if level != last]
        values = (column == last).astype(float).where(column.notna())
        return _with_events(Coded(values, note=_event_note(column, last, others)))
    shown = ", ".join(map(repr, map(str, known[:6])))
    raise MeasureError(
        f"status {column.name!r} has the level(s) {shown}: say which one is the event, "
        f"--event {known[0]} (in Python event={known[0]!r}); all others are censored"
    )


def order(column: "pd.Series[Any]", levels: Levels, event: Any = None) -> Coded:
    """Make an ordered categorical; levels without an order are refused."""
    _refuse_event(column, event)
    text = not pd.api.types.is_numeric_dtype(column.dtype)
    if isinstance(column.dtype, pd.CategoricalDtype):
        text = not pd.api.types.is_numeric_dtype(column.cat.categories.dtype)
    if text and levels is None and not getattr(column.dtype, "ordered", False):
        raise MeasureError(
            f"response {column.name!r} has levels without an order; pass levels=(lowest, ..., "
            "highest), or use model 'mnlogit'"
        )
    known = levels_of(column, levels)
    seen = codes(column, known).levels  # refuses a level that never occurs
    return Coded(column.astype(pd.CategoricalDtype(known, ordered=True)), seen)


def _chosen(column: "pd.Series[Any]", levels: Levels, event: Any, what: str) -> Coded:
    known = levels_of(column, levels)
    chosen = _like(event, known)
    if chosen not in known:
        raise MeasureError(f"{what} {column.name!r}: {unknown('event', event, known)}")
    others = [level for level in known if level != chosen]
    values = (column == chosen).astype(float).where(column.notna())
    if not (values == 1).any():
        raise MeasureError(f"{what} {column.name!r} never takes the level {chosen!r}, the event")
    if what == "response" and not (values == 0).any():
        raise MeasureError(
            f"{what} {column.name!r} never takes a level other than {chosen!r}, the event; "
            "there is nothing to compare"
        )
    names = (" or ".join(map(str, others)), str(chosen))
    return Coded(values, names, _event_note(column, chosen, others))


def _event_note(column: "pd.Series[Any]", chosen: Any, others: Sequence[Any]) -> str:
    shown = ", ".join(map(str, others[:5])) + (" ..." if len(others) > 5 else "")
    against = f", against {shown}" if others else ""
    return f"the event of {column.name!r} is {chosen}{against}"


def _with_events(coded: Coded) -> Coded:
    """Refuse a status by which every row is censored."""
    if not (coded.values == 1).any():
        raise MeasureError(
            f"status {coded.values.name!r}: no row is an event, so that nothing can be estimated; "
            "make longer copies, or choose the event (--event LEVEL, event=)"
        )
    return coded


def _refuse_constant(
    column: "pd.Series[Any]", what: str, levels: Sequence[Any] | None = None
) -> None:
    """Refuse a single value: of 1 alone nobody can tell whether it is the event or the others."""
    known = column.dropna().unique() if levels is None else levels
    if len(known) == 1:
        step = "leave the status out if every row is an event" if what == "status" else ""
        step = step or "a model needs both values"
        raise MeasureError(
            f"{what} {column.name!r} takes the value {known[0]} in every row; {step}, or make "
            "copies of more rows"
        )


def _refuse_event(column: "pd.Series[Any]", event: Any) -> None:
    if event is not None:
        raise MeasureError(
            f"response {column.name!r}: event = {event!r} is for models of two levels (logit, a "
            "binomial glm) and for the status of phreg"
        )
