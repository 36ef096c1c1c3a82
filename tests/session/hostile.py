"""Providers that break their contract, one way each, around a fake that keeps it."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import trio

from turnscope.sim import Fault, Faulty

__all__ = ["FAULTS", "Hostile", "swallows_all"]


async def swallows_all() -> str:
    try:
        await trio.sleep_forever()
    except trio.Cancelled:
        return "returned all the same"


async def raises(inner: Callable[[], Awaitable[Any]]) -> Any:
    raise OSError("the wire is cut")


FAULTS = {
    "ignores_cancellation": Fault(kind="ignores_cancellation", delay_s=0.3),
    "shields_for_a_while": Fault(kind="ignores_cancellation", delay_s=2.5),
    "shields_for_ever": Fault(kind="ignores_cancellation", delay_s=math.inf),
    "swallows_cancellation": Fault(kind="swallows_cancellation", delay_s=0.2),
    "raises_in_cleanup": Fault(kind="raises_in_cleanup"),
    "never_comes_back": Fault(kind="hang"),
    "raises": Fault(kind=raises),
    "lies": Fault(kind="wrong_type"),
}


class Hostile(Faulty):
    """A provider like `inner`, whose first streams have a fault.

    Args:
        inner: An STT, LLM, TTS or interruption detector.
        fault: A name of `FAULTS`.
        where: ``open``, ``item``, ``send`` (STT only) or ``close``.
        times: How many streams have it.
    """

    def __init__(self, inner: Any, fault: str, where: Any = "item", *, times: int = 1) -> None:
        first = range(1, times + 1)
        super().__init__(inner, [replace(FAULTS[fault], where=where, call=number) for number in first])
        self.name = f"hostile-{inner.name}"
