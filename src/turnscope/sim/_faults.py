"""What can go wrong with a provider, as behaviours around what it would do. The wrapper is in `_faulty`."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import trio

from turnscope._errors import ConfigError
from turnscope.core import ToolCall
from turnscope.providers import SpeechChunk, TextDelta, Transcript

__all__ = ["Behaviour", "Fault", "FaultKind", "FaultPlace", "behave"]

FaultKind = Literal[
    "error",
    "hang",
    "late",
    "partial",
    "garbage",
    "wrong_type",
    "ignores_cancellation",
    "swallows_cancellation",
    "raises_in_cleanup",
]
"""What a `Fault` can be."""

FaultPlace = Literal["open", "item", "send", "close"]
"""Where it can be: when a stream is opened, in what it gives, in what it is given, when it is closed."""

Inner = Callable[[], Awaitable[Any]]
"""What the provider would do."""

Behaviour = Callable[[Inner], Awaitable[Any]]
"""An async function that is given what the provider would do, and returns what comes of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something goes wrong with a stream of a provider.

    Attributes:
        kind: What. ``error`` raises; ``hang`` gives nothing more, ever; ``late`` gives something `delay_s` later, which
            for an STT is each final transcript; ``partial`` ends before everything was given, and for an STT leaves out
            the last word of each final transcript; ``garbage`` is of the right type and makes no sense; ``wrong_type``
            is not even that. ``ignores_cancellation`` goes on for `delay_s` when it is cancelled,
            ``swallows_cancellation`` goes on after it, and ``raises_in_cleanup`` fails when it is cancelled or has
            ended. Or a behaviour of your own.
        call: It is the stream of this number, counted from 1 in the order in which they are opened; None for any.
        probability: How likely it is for each stream that it could be, 0 to 1.
        where: Where in the stream; all but ``item`` go with the kinds that say nothing about what is given.
        after_items: So many items are given as they should be.
        delay_s: How long, for the kinds that need it; infinite for ever.
        message: What ``error`` says.

    Raises:
        ConfigError: Something in it makes no sense.
    """

    kind: FaultKind | Behaviour
    call: int | None = None
    probability: float = 1.0
    where: FaultPlace = "item"
    after_items: int = 0
    delay_s: float = 1.0
    message: str = "the connection was lost"

    def __post_init__(self) -> None:
        if isinstance(self.kind, str) and self.kind not in get_args(FaultKind):
            raise ConfigError(f"kind must be one of {', '.join(get_args(FaultKind))}, got {self.kind!r}")
        if self.where not in get_args(FaultPlace):
            raise ConfigError(f"where must be one of {', '.join(get_args(FaultPlace))}, got {self.where!r}")
        if self.where != "item" and self.kind in ("partial", "garbage"):
            raise ConfigError(f"where must be 'item' for {self.kind}, got {self.where!r}")
        if self.call is not None and self.call < 1:
            raise ConfigError(f"call counts from 1, got {self.call}")
        if not 0 <= self.probability <= 1:
            raise ConfigError(f"probability must be from 0 to 1, got {self.probability}")
        if self.after_items < 0 or (self.after_items and self.where != "item"):
            raise ConfigError(f"after_items must be 0 or more, and 0 unless where is 'item', got {self.after_items}")
        if not self.delay_s >= 0:
            raise ConfigError(f"delay_s must not be negative, got {self.delay_s}")


async def behave(fault: Fault, inner: Inner, generator: random.Random) -> Any:
    """What comes of `inner` with this fault."""
    if not isinstance(fault.kind, str):
        return await fault.kind(inner)
    match fault.kind:
        case "error":
            await trio.lowlevel.checkpoint()
            raise ConnectionError(fault.message)
        case "hang":
            await trio.sleep_forever()
        case "late":
            item = await inner()
            if not isinstance(item, Transcript) or item.is_final:
                await trio.sleep(fault.delay_s)
            return item
        case "partial":
            return _without_the_end(await inner())
        case "garbage":
            return _garbled(await inner(), generator)
        case "wrong_type":
            await inner()
            return object()
    return await _uncancelled(fault, inner)


async def _uncancelled(fault: Fault, inner: Inner) -> Any:
    """The kinds that do not obey a cancellation."""
    if fault.kind == "ignores_cancellation":
        with trio.CancelScope(shield=True):
            await trio.sleep(fault.delay_s)
            return await inner()
    if fault.kind == "raises_in_cleanup":
        try:
            return await inner()
        finally:
            raise ValueError("cleanup went wrong")
    try:
        return await inner()
    except trio.Cancelled:
        with trio.CancelScope(shield=True):
            await trio.sleep(fault.delay_s)
        return await inner()


def _without_the_end(item: Any) -> Any:
    """A final transcript without its last word; anything else is the end of the stream."""
    if not isinstance(item, Transcript):
        raise StopAsyncIteration
    return replace(item, text=" ".join(item.text.split()[:-1])) if item.is_final else item


def _garbled(item: Any, generator: random.Random) -> Any:
    """Nonsense of the same type and size."""
    match item:
        case Transcript():
            return replace(item, text=_letters(item.text, generator))
        case TextDelta():
            return TextDelta(_letters(item.text, generator))
        case ToolCall():
            return replace(item, arguments=_letters(item.arguments, generator))
        case SpeechChunk():
            noise = np.random.default_rng(generator.getrandbits(32)).uniform(-0.5, 0.5, len(item.samples))
            return SpeechChunk(noise.astype(np.float32), item.words)
    return item


def _letters(text: str, generator: random.Random) -> str:
    return "".join(generator.choice("abcdefghijklmnopqrstuvwxyz") if part.isalnum() else part for part in text)
