"""What a scenario file may expect of a turn, of a tool's call, and of something that was said over the agent."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from turnscope._errors import ConfigError
from turnscope.core import Interrupted, Latency, TurnRecord
from turnscope.sim._expecting import Expectation, Failure, counted, differs_number, differs_text, failure, nth
from turnscope.sim._matching import Number, Text, told
from turnscope.sim._seen import Seen, SeenToolCall

__all__ = ["OverlapExpectation", "ToolExpectation", "TurnExpectation"]

OutcomeKind = Literal["completed", "interrupted", "failed", "hung_up"]
Settlement = Literal["returned", "failed", "cancelled", "detached"]
Verdict = Literal["confirm", "dismiss", "hold", "none"]

LATENCIES = tuple(each.name for each in fields(Latency))
"""What the latencies of a turn are called."""

Latencies = Annotated[dict[str, Number], msgspec.Meta(extra_json_schema={"propertyNames": {"enum": list(LATENCIES)}})]


class TurnExpectation(Expectation, frozen=True):
    """About one turn, counted from 1 in the order in which they held the floor; -1 is the last."""

    TEXTS: ClassVar[tuple[str, ...]] = ("asked", "reply", "heard", "unheard", "reason", "evidence", "error")

    turn: int
    outcome: OutcomeKind | None = None
    origin: str | None = None
    asked: Text | None = None
    reply: Text | None = None
    heard: Text | None = None
    unheard: Text | None = None
    reason: Text | None = None
    evidence: Text | None = None
    error: Text | None = None
    attempts: Number | None = None
    joined: bool | None = None
    tools: list[str] | None = None
    latency: Latencies | None = None

    def read(self, key: str) -> None:
        """See `Expectation.read`."""
        super().read(key)
        if not self.turn:
            raise ConfigError(f"{key}.turn: counts from 1, or from -1 backwards, got 0")
        for name in self.latency or ():
            if name not in LATENCIES:
                raise ConfigError(f"{key}.latency.{name}: unknown key; known here: {', '.join(LATENCIES)}")

    def check(self, seen: Seen, key: str) -> Iterator[Failure]:
        """See `Expectation.check`."""
        turn = nth(seen.turns, self.turn)
        if turn is None:
            yield Failure(f"{key}.turn", f"expected a turn {self.turn}, found {counted(len(seen.turns), 'turn')}", None)
            return
        yield from self._differs(turn, key)
        yield from self._late(turn, f"{key}.latency")

    def _differs(self, turn: TurnRecord, key: str) -> Iterator[Failure]:
        outcome, end = turn.outcome, turn.ended
        kind = "unfinished" if outcome is None else outcome.kind
        if self.outcome not in (None, kind):
            more = f" ({getattr(outcome, 'message', '')})" if kind == "failed" else ""
            yield failure(f"{key}.outcome", f"expected {self.outcome}, found {kind}{more}", end)
        for name, found in _texts(turn).items():
            yield from differs_text(f"{key}.{name}", getattr(self, name), found, end)
        yield from differs_number(f"{key}.attempts", self.attempts, turn.attempts, end)
        exact = {"origin": turn.origin, "joined": turn.joined, "tools": [call.tool for call in turn.tools]}
        for name, value in exact.items():
            wanted = getattr(self, name)
            if wanted not in (None, value):
                yield failure(f"{key}.{name}", f"expected {told(wanted)}, found {told(value)}", end)

    def _late(self, turn: TurnRecord, key: str) -> Iterator[Failure]:
        onset = turn.outcome.cause.onset if isinstance(turn.outcome, Interrupted) else None
        for name, wanted in (self.latency or {}).items():
            found = getattr(turn.latency, name)
            at = onset if name.startswith(("onset", "decision")) else turn.speech_end
            yield from differs_number(f"{key}.{name}", wanted, found, at if at is not None else turn.ended)


def _texts(turn: TurnRecord) -> dict[str, str]:
    """What was said and why it ended, by the keys of `TurnExpectation.TEXTS`."""
    outcome = turn.outcome
    cause = outcome.cause if isinstance(outcome, Interrupted) else None
    return {
        "asked": turn.text,
        "reply": "".join(turn.reply),
        "heard": getattr(outcome, "heard", ""),
        "unheard": getattr(outcome, "unheard", ""),
        "reason": cause.reason if cause else getattr(outcome, "reason", ""),
        "evidence": cause.evidence if cause else "",
        "error": getattr(outcome, "message", ""),
    }


class ToolExpectation(Expectation, frozen=True):
    """About the calls of a tool, or one of them, counted from 1 in the order in which the model asked for them."""

    TEXTS: ClassVar[tuple[str, ...]] = ("text",)

    tool: str
    calls: Number | None = None
    call: int | None = None
    arguments: dict[str, Any] | None = None
    settled: Settlement | None = None
    started: bool | None = None
    text: Text | None = None
    duration_s: Number | None = None
    turn: int | None = None

    def read(self, key: str) -> None:
        """See `Expectation.read`."""
        super().read(key)
        if self.call == 0:
            raise ConfigError(f"{key}.call: counts from 1, or from -1 backwards, got 0")

    def check(self, seen: Seen, key: str) -> Iterator[Failure]:
        """See `Expectation.check`."""
        calls = [each for each in seen.tools if each.record.tool == self.tool]
        yield from differs_number(f"{key}.calls", self.calls, len(calls), None)
        about_one = any(
            getattr(self, name) is not None
            for name in ("call", "arguments", "settled", "started", "text", "duration_s", "turn")
        )
        if self.calls is not None and not about_one:
            return
        number = 1 if self.call is None else self.call
        call = nth(calls, number)
        if call is None:
            found = counted(len(calls), "call")
            yield Failure(f"{key}.tool", f"expected a call {number} of {self.tool}, found {found}", None)
        else:
            yield from self._differs(call, seen, key)

    def _differs(self, call: SeenToolCall, seen: Seen, key: str) -> Iterator[Failure]:
        record = call.record
        at = record.called
        if self.arguments is not None:
            for name, wanted in self.arguments.items():
                given = isinstance(call.arguments, dict) and name in call.arguments
                found = call.arguments[name] if given else None
                if not given or found != wanted:
                    yield failure(f"{key}.arguments.{name}", f"expected {told(wanted)}, found {told(found)}", at)
        end = at if record.settled is None else record.settled
        if self.settled not in (None, record.kind):
            yield failure(f"{key}.settled", f"expected {self.settled}, found {record.kind or 'none'}", end)
        if self.started not in (None, record.started is not None):
            yield failure(f"{key}.started", f"expected {told(self.started)}, found {told(not self.started)}", at)
        yield from differs_text(f"{key}.text", self.text, record.text, end)
        yield from differs_number(f"{key}.duration_s", self.duration_s, record.duration_s, at)
        if self.turn is not None and nth(seen.turns, self.turn) is not call.turn:
            yield failure(f"{key}.turn", f"expected {self.turn}, found {seen.turns.index(call.turn) + 1}", at)


class OverlapExpectation(Expectation, frozen=True):
    """About one thing that was said over the agent, counted from 1; -1 is the last."""

    TEXTS: ClassVar[tuple[str, ...]] = ("text", "evidence")

    overlap: int
    verdict: Verdict | None = None
    text: Text | None = None
    evidence: Text | None = None

    def read(self, key: str) -> None:
        """See `Expectation.read`."""
        super().read(key)
        if not self.overlap:
            raise ConfigError(f"{key}.overlap: counts from 1, or from -1 backwards, got 0")

    def check(self, seen: Seen, key: str) -> Iterator[Failure]:
        """See `Expectation.check`."""
        overlap = nth(seen.overlaps, self.overlap)
        if overlap is None:
            found = counted(len(seen.overlaps), "overlap")
            yield Failure(f"{key}.overlap", f"expected an overlap {self.overlap}, found {found}", None)
            return
        if self.verdict not in (None, overlap.verdict):
            problem = f"expected {self.verdict}, found {overlap.verdict} ({overlap.evidence})"
            yield failure(f"{key}.verdict", problem, overlap.decided)
        yield from differs_text(f"{key}.text", self.text, overlap.text, overlap.onset)
        yield from differs_text(f"{key}.evidence", self.evidence, overlap.evidence, overlap.decided)
