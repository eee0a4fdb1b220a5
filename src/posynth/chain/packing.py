"""What transforms of a formula learned, as JSON and back."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def pack(value: Any) -> Any:
    """Turn learned state into JSON; dictionaries keep keys that are not text."""
    leaves: dict[type, Callable[[Any], Any]] = {np.ndarray: lambda v: {"array": v.tolist()}}
    if type(value) in leaves:
        return leaves[type(value)](value)
    if isinstance(value, Mapping):
        return {"map": [[pack(key), pack(item)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return [pack(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def unpack(value: Any) -> Any:
    """Turn JSON back into learned state."""
    if isinstance(value, list):
        return [unpack(item) for item in value]
    if isinstance(value, dict) and "array" in value:
        return np.asarray(value["array"], dtype=np.float64)
    if isinstance(value, dict):
        return {unpack(key): unpack(item) for key, item in value["map"]}
    return value
