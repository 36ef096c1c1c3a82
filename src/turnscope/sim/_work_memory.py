"""What models have computed once, kept for the next conversation in which they are given the same."""

import dataclasses
import hashlib
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import numpy as np

from turnscope.providers import Pure

__all__ = ["WorkMemory"]

T = TypeVar("T")


class WorkMemory:
    """Keeps the results of `turnscope.providers.Pure` work, by what it was given, bit for bit.

    Give one to the `VirtualCompute` of every conversation that is to share it. What virtual time is charged stays the
    same, so a conversation goes as it would without. It grows with everything that is computed.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, Any] = {}
        self.computed: int = 0
        """How often something was computed and kept."""
        self.recalled: int = 0
        """How often something was known already."""

    def do(self, work: Callable[[], T]) -> T:
        """Do the work, or recall what came of it. Work that is not pure is always done."""
        if not isinstance(work, Pure):
            return work()
        key = (work.function, *map(_identity, work.arguments))
        if key in self._kept:
            self.recalled += 1
            known: T = self._kept[key]
            return known
        result: T = work()
        self._kept[key] = result
        self.computed += 1
        return result


def _identity(value: object) -> Hashable:
    """Something hashable that is equal for equal arguments; arrays stand for their bytes."""
    if isinstance(value, np.ndarray):
        data = np.ascontiguousarray(value)
        return data.dtype.str, data.shape, hashlib.blake2b(data.data, digest_size=16).digest()
    if isinstance(value, list | tuple):
        return type(value), *map(_identity, value)
    if dataclasses.is_dataclass(value) and type(value).__hash__ is not object.__hash__:
        return type(value), *(_identity(getattr(value, field.name)) for field in dataclasses.fields(value))
    if not isinstance(value, Hashable):
        raise TypeError(f"work on a {type(value).__name__} cannot be told from other work")
    return type(value), value
