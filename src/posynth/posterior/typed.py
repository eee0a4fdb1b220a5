"""Plain data checked against the fields of a record: a stored file may be damaged or hostile."""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any, TypeAliasType, Union, get_args, get_origin, get_type_hints

from posynth.errors import StoreError, unknown


def require_types(
    record: type, data: Any, where: str, *, also: Mapping[str, Any] | None = None
) -> None:
    """Raise unless plain data have the fields of a record, with values of their types.

    Parameters
    ----------
    record : type
        A dataclass; sequences of it are lists in the data, records in it are tables.
    data : object
        What JSON gave.
    where : str
        Name of the file and place, for the error.
    also : Mapping of str to type, optional
        Field -> type that it has in the file, where that is another than in the record.

    Raises
    ------
    StoreError
        Naming the place, the value found and what is allowed.

    Examples
    --------
    >>> from posynth.table.source import Source
    >>> require_types(Source, {"name": 3}, "source")
    Traceback (most recent call last):
    posynth.errors.StoreError: source: name = 3; it must be a text
    """
    if not isinstance(data, Mapping):
        raise StoreError(f"{where} = {_shown(data)}; it must be a table of fields")
    hints: dict[str, Any] = {**get_type_hints(record), **(also or {})}
    known = [field.name for field in fields(record)]
    for key, value in data.items():
        if key not in known:
            raise StoreError(f"{where}: {unknown('field', key, known)}")
        if not _suits(hints[key], value, f"{where}: {key}"):
            raise StoreError(
                f"{where}: {key} = {_shown(value)}; it must be {_described(hints[key])}"
            )


def _suits(hint: Any, value: Any, where: str) -> bool:
    if isinstance(hint, TypeAliasType):
        return _suits(hint.__value__, value, where)
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (types.UnionType, Union):
        given = [each for each in inner if each is not type(None)]
        if value is None:
            return len(given) < len(inner)
        return any(_suits(each, value, where) for each in given)
    if origin is not None:
        suits = _is_sequence if origin is tuple else _is_mapping
        return suits(inner, value, where)
    if is_dataclass(hint) and isinstance(hint, type):
        require_types(hint, value, where)
        return True
    return hint is Any or _is_plain(hint, value)


def _is_sequence(inner: tuple[Any, ...], value: Any, where: str) -> bool:
    if not isinstance(value, list | tuple):
        return False
    if len(inner) == 2 and inner[1] is Ellipsis:
        return all(_suits(inner[0], each, where) for each in value)
    pairs = zip(inner, value, strict=False)
    return len(value) == len(inner) and all(_suits(hint, each, where) for hint, each in pairs)


def _is_mapping(inner: tuple[Any, ...], value: Any, where: str) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(key, str) and _suits(inner[1], each, where) for key, each in value.items()
    )


def _is_plain(hint: type, value: Any) -> bool:
    if issubclass(hint, str):
        return isinstance(value, str)
    if hint is bool:
        return isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return hint is float and number and isfinite(value)


def _described(hint: Any) -> str:
    if isinstance(hint, TypeAliasType):
        return _described(hint.__value__)
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (types.UnionType, Union):
        return " or ".join(_described(each) for each in inner)
    if origin is tuple:
        return f"a list, each {_described(inner[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"a table, each {_described(inner[1])}"
    named = {int: "a whole number", float: "a finite number", bool: "true or false"}
    named |= {str: "a text", type(None): "null"}
    return named.get(
        hint, "a text" if isinstance(hint, type) and issubclass(hint, str) else "plain"
    )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
