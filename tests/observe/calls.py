"""Calls to look at: short, with fakes, in virtual time."""

from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from turnscope.core import Event, Samples
from turnscope.providers import Rule, ScriptedLLM
from turnscope.session import Agent
from turnscope.sim import Call, Drive, FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, encode_words, simulate

REPLY = "Your order is two lattes and one large mocha with oat milk, that will be ready in ten minutes."


def agent() -> Agent:
    llm = ScriptedLLM([Rule(when="coffee", reply=REPLY)], fallback="Okay, three lattes.")
    return Agent(vad=FakeVAD(), stt=FakeSTT(), llm=llm, tts=FakeTTS())


def say(text: str, after_s: float, anchor: str = "call") -> Play:
    return Play(encode_words(text)[0], Moment(after_s, anchor), name=text)


def cough(after_s: float, anchor: str, reply: int | None = None) -> Play:
    noise = np.random.default_rng(1).normal(scale=0.05, size=4000).astype(np.float32)
    return Play(noise, Moment(after_s, anchor, reply), speech_start=None, name="cough")


ORDER = say("two lattes coffee please", 0.5)


@cache
def barge_in() -> Call:
    """The caller orders, and interrupts the answer."""
    return held(say("wait make it three", 1.5, "agent_starts"), HangUp(Moment(0.5, "agent_stops", 2)))


@cache
def overlap() -> Call:
    """The caller orders, agrees while the answer is given, and clears their throat after it."""
    script = say("mhm", 1.5, "agent_starts"), cough(1.5, "agent_stops", 2), HangUp(Moment(3.0, "previous"))
    return held(*script)


def held(*script: Step, drive: Drive | None = None) -> Call:
    return simulate(agent(), [ORDER, *script], seed=1, drive=drive)


def labels(call: Call) -> list[tuple[str, int]]:
    return [
        (placed.step.name, placed.start + placed.step.speech_start)
        for placed in call.placed
        if isinstance(placed.step, Play) and placed.step.speech_start is not None
    ]


def repeated(call: Call, times: int) -> tuple[list[Event], Samples, Samples]:
    """A call that was held over and over again: its events and tracks."""
    length = len(call.user)
    turns = max(getattr(event, "turn_id", None) or 0 for event in call.events)
    events = [_later(event, length * k, turns * k) for k in range(times) for event in call.events]
    return events, np.tile(call.user, times), np.tile(call.agent, times)


_TIMES = {"sample", "onset", "end", "speech_end", "silence", "last_sent", "gate_shut", "decision"}
_IDS = {"turn_id", "challenger_id", "challenges"}


def _later(item: Any, samples: int, turns: int) -> Any:
    changes = {}
    for field in fields(item):
        value = getattr(item, field.name)
        if is_dataclass(value):
            changes[field.name] = _later(value, samples, turns)
        elif value is not None and field.name in _TIMES | _IDS:
            changes[field.name] = value + (samples if field.name in _TIMES else turns)
    return replace(item, **changes)
