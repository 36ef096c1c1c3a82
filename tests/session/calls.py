"""Calls for the tests of sessions: an agent of fakes, callers who speak in word code, what the samples say."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import trio

from turnscope.core import CLOCK_HZ, Event, Samples, to_samples
from turnscope.providers import Rule, ScriptedLLM
from turnscope.session import Agent, Session
from turnscope.sim import Call, FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, encode_words, read_words

__all__ = [
    "AGENT",
    "REPLY",
    "agent",
    "barge_in",
    "child_tasks",
    "cough",
    "heard_words",
    "of_kind",
    "speech",
    "wait_for_event",
]

E = TypeVar("E", bound=Event)

REPLY = "Your order is two lattes, and it is ready soon."

AGENT = Agent(
    vad=FakeVAD(),
    stt=FakeSTT(),
    llm=ScriptedLLM([Rule(when="wait", reply="Fine, three.")], fallback=REPLY, tokens_per_s=40),
    tts=FakeTTS(),
)


def agent(**changes: Any) -> Agent:
    """`AGENT` with other parts or settings."""
    return replace(AGENT, **changes)


def speech(text: str, after_s: float, anchor: str = "call", *, reply: int | None = None, pace: float = 5) -> Play:
    """The caller says `text`, `pace` words a second."""
    return Play(encode_words(text, words_per_s=pace)[0], Moment(after_s, anchor, reply), name=text)


def cough(after_s: float, anchor: str = "call", *, length_s: float = 0.2, reply: int | None = None) -> Play:
    """A noise without words."""
    noise = np.random.default_rng(1).uniform(0.05, 0.25, to_samples(length_s)).astype(np.float32)
    return Play(noise, Moment(after_s, anchor, reply), speech_start=None, name="cough")


def barge_in(*, after_s: float = 1.0, hang_up_s: float = 0.3) -> list[Step]:
    """An order, and other words over its answer."""
    return [
        speech("two lattes please.", 0.2),
        speech("wait three.", after_s, "agent_starts"),
        HangUp(Moment(hang_up_s, "agent_stops", reply=2)),
    ]


def heard_words(call: Call, start: int = 0, stop: int | None = None) -> str:
    """The words on the agent's track that are complete between two samples."""
    return " ".join(word for word, _ in read_words(call.agent[:stop], start))


def of_kind(call: Call, kind: type[E]) -> list[E]:
    """The events of one kind, in order."""
    return [event for event in call.events if isinstance(event, kind)]


async def wait_for_event(session: Session, wanted: Callable[[Event], bool]) -> Event:
    """The next event that is `wanted`."""
    async with session.events() as events:
        async for event in events:
            if wanted(event):
                return event
    raise AssertionError("the session ended before it happened")


def child_tasks(task: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    """Every task below `task`."""
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield child
            yield from child_tasks(child)


def at_s(samples: Samples, second: float) -> int:
    """The index of the sample at `second`."""
    return min(round(second * CLOCK_HZ), len(samples))
