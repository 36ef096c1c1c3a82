"""Holds a recorded call once more, in virtual time: the caller's audio as it came, heard and understood anew."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import trio

from turnscope._errors import ConfigError, QueueFull, SessionClosed
from turnscope.core import (
    CLOCK_HZ,
    CallerHungUp,
    ClauseReady,
    CloseRequested,
    EndRequested,
    FloorInput,
    HandOverRequested,
    InterruptRequested,
    KeptAlive,
    Message,
    ProtectionChanged,
    ReplyRequested,
    ReplyResumed,
    Samples,
    SayCancelled,
    SayRequested,
    SpeechStarted,
    SpeechStopped,
    TextReceived,
    UserTurnCleared,
    resample,
)
from turnscope.observe import Recording
from turnscope.session import Agent, AudioHeard, Decision, Fact, Session, SpeechHandle, open_runtime, open_session
from turnscope.sim._agent_table import make_agent
from turnscope.sim._played import PlayedLLM, PlayedTTS, played_tools
from turnscope.sim._rulings import Ruled, rulings_of
from turnscope.sim._simulate import Call
from turnscope.sim._virtual import VirtualCompute, run_virtual
from turnscope.transports import InputFrame, Playhead

__all__ = ["Recomputed", "agent_of", "recompute"]

HANDS = ("application", "client")
DONE_BY_HAND = (
    SayRequested,
    ReplyRequested,
    TextReceived,
    SayCancelled,
    ProtectionChanged,
    InterruptRequested,
    SpeechStarted,
    SpeechStopped,
    UserTurnCleared,
    KeptAlive,
    EndRequested,
)
NEAR = CLOCK_HZ // 2
"""Onsets that are no further apart are those of the same utterance."""


@dataclass(frozen=True, slots=True, eq=False)
class Recomputed:
    """A recorded call that was held once more.

    Attributes:
        call: It.
        pairs: What the caller said, as it was judged in the recording and now; None where the other found something
            and this one nothing.
    """

    call: Call
    pairs: tuple[tuple[Ruled | None, Ruled | None], ...]

    @property
    def changed(self) -> tuple[tuple[Ruled | None, Ruled | None], ...]:
        """Those that are not the same, to the sample and the word."""
        return tuple(pair for pair in self.pairs if pair[0] != pair[1])


def agent_of(recording: Recording, table: dict[str, Any], folder: Path) -> Agent:
    """The agent of a recording: its settings as they were recorded, with what `table` says.

    Its language model and its synthesizer say what they said there. If the table has others, these are asked what was
    not asked there. The VAD, the STT and the detector are those of the table, else the usual ones.

    Args:
        recording: Made by `turnscope.observe.load_recording`.
        table: A table ``[agent]``, as TOML gives it.
        folder: What relative paths in it are relative to.

    Raises:
        ConfigError: The table is wrong, or a setting is code.
    """
    places = {"llm": {"provider": "scripted", "rules": [], "fallback": "-"}, "tts": {"provider": "fake"}}
    listed = make_agent(table if "factory" in table else {**places, **table}, folder)
    if listed.servers:
        raise ConfigError(f"{listed.servers[0]}: a program outside knows nothing of virtual time")
    named = {"llm", "tts"} if "factory" in table else table.keys()
    recording.floor_settings()  # says what is missing
    known = recording.agent_settings()
    kept = {name: value for name, value in known.items() if name not in table}
    return replace(
        listed.agent,
        name=recording.agent,
        llm=PlayedLLM(recording, listed.agent.llm if "llm" in named else None),
        tts=PlayedTTS(recording, listed.agent.tts if "tts" in named else None),
        tools=played_tools(recording),
        **kept,
    )


def recompute(recording: Recording, agent: Agent, *, seed: int = 0) -> Recomputed:
    """Hold a recorded call once more, in virtual time.

    The caller's audio comes as it came, and the application does what it did, when it did. Everything else is computed:
    what is heard in the audio, what is understood, and what follows.

    Args:
        recording: Made by `turnscope.observe.load_recording`. It holds audio and texts.
        agent: Who answers now: made by `agent_of`, for example.
        seed: For the order in which ready tasks run.

    Raises:
        ConfigError: It was recorded without audio or texts, or another agent took over in it.
    """
    if not (recording.header["audio"] and recording.header["texts"]):
        raise ConfigError(f"{recording.folder}: was recorded without audio or without texts")
    if any(isinstance(decision.item, HandOverRequested) for decision in recording.decisions):
        raise ConfigError(f"{recording.folder}: another agent took over in it, which cannot be held again")

    async def main(compute: VirtualCompute) -> Recomputed:
        return await _hold(recording, agent, compute)

    return run_virtual(main, seed=seed)


async def _hold(recording: Recording, agent: Agent, compute: VirtualCompute) -> Recomputed:
    transport = _Transport(recording)
    kept = _Kept()
    records: list[Any] = []
    async with (
        open_runtime(compute=compute) as runtime,
        open_session(agent, transport, runtime=runtime, sinks=(records.append,), recorder=kept) as session,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(_Application(recording, session).act)
        await session.wait_ended()
        nursery.cancel_scope.cancel()
    user, spoken = transport.tracks(kept.heard)
    call = Call(tuple(records), user, spoken, session.history.messages, (), 0)
    return Recomputed(call, _aligned(rulings_of(recording.decisions), rulings_of(kept.decisions)))


def _aligned(was: Sequence[Ruled], now: Sequence[Ruled]) -> tuple[tuple[Ruled | None, Ruled | None], ...]:
    """Each utterance of one beside that of the other which began at the same time, in order."""
    pairs: list[tuple[Ruled | None, Ruled | None]] = []
    left, right = list(was), list(now)
    while left or right:
        if left and right and abs(left[0].onset - right[0].onset) <= NEAR:
            pairs.append((left.pop(0), right.pop(0)))
        elif left and (not right or left[0].onset < right[0].onset):
            pairs.append((left.pop(0), None))
        else:
            pairs.append((None, right.pop(0)))
    return tuple(pairs)


class _Kept:
    """Keeps what a recorder would write."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self.heard: list[tuple[int, Samples]] = []

    def take(self, fact: Fact) -> None:
        if isinstance(fact, Decision):
            self.decisions.append(fact)
        elif isinstance(fact, AudioHeard):
            self.heard.append((fact.start, fact.samples))

    def finish(self) -> None:
        pass


class _Transport:
    """Gives the caller's audio as it came, and plays the agent's on Trio's clock."""

    def __init__(self, recording: Recording) -> None:
        self.input_hz: int = recording.header["input_hz"]
        self.output_hz: int = recording.header["output_hz"]
        self.lead_samples: int = recording.header["lead_samples"]
        self._frames = iter(recording.frames)
        self._received = recording.received()
        self._folder = recording.folder
        self._start: float | None = None
        self._ends_s = _end(recording) / CLOCK_HZ
        self._sent: list[tuple[int, Samples]] = []
        self._until = 0
        self._handed_over = 0

    async def receive(self) -> InputFrame | None:
        start = self._begin()
        frame = next(self._frames, None)
        if frame is None:
            await trio.sleep_until(start + self._ends_s)
            return None
        if frame.offset is None:
            raise ConfigError(f"{self._folder}: audio at {frame.at_s:.2f} s was lost when it was recorded")
        await trio.sleep_until(start + frame.at_s)
        return InputFrame(self._received[frame.offset : frame.offset + frame.count], frame.start)

    def send(self, samples: Samples, response_id: str) -> None:
        at = max(self._until, self._now())
        self._sent.append((at, samples))
        self._until = at + len(samples)
        self._handed_over += len(samples)

    def clear(self, response_id: str) -> None:
        now = self._now()
        while self._sent and self._until > now:
            at, samples = self._sent.pop()
            self._until = max(at, now) if at < now else at
            if at < now:
                self._sent.append((at, samples[: now - at]))

    def playhead(self) -> Playhead:
        return Playhead(self._handed_over - max(self._until - self._now(), 0), "measured")

    def close(self) -> None:
        pass

    def _begin(self) -> float:
        if self._start is None:
            self._start = trio.current_time()
        return self._start

    def _now(self) -> int:
        return round((trio.current_time() - self._begin()) * self.output_hz)

    def tracks(self, heard: Sequence[tuple[int, Samples]]) -> tuple[Samples, Samples]:
        """What the caller, of whom so much was heard, and the agent gave, at 16 kHz and of one length."""
        spoken = _placed(self._sent)
        if self.output_hz != CLOCK_HZ:
            spoken = resample(spoken, self.output_hz, CLOCK_HZ)
        user = _placed(heard)
        length = max(len(user), len(spoken))
        return _padded(user, length), _padded(spoken, length)


def _placed(pieces: Sequence[tuple[int, Samples]]) -> Samples:
    track = np.zeros(max((at + len(samples) for at, samples in pieces), default=0), np.float32)
    for at, samples in pieces:
        track[at : at + len(samples)] = samples
    return track


def _padded(samples: Samples, length: int) -> Samples:
    return np.concatenate([samples, np.zeros(length - len(samples), np.float32)])


def _end(recording: Recording) -> int:
    """When the caller hung up, or the session was closed."""
    ends = [each.item.sample for each in recording.decisions if isinstance(each.item, CallerHungUp | CloseRequested)]
    return ends[0] if ends else max((event.sample for event in recording.events), default=0)


class _Application:
    """Does what the application did in a recording, when it did it."""

    def __init__(self, recording: Recording, session: Session) -> None:
        self._recording = recording
        self._session = session
        self._handles: dict[int, SpeechHandle | None] = {}
        """What it has begun, by the numbers of the turns in the recording."""

    async def act(self) -> None:
        start = trio.current_time() - self._session.now() / CLOCK_HZ
        for decision in self._recording.decisions:
            item = decision.item
            if isinstance(item, DONE_BY_HAND) and not (
                isinstance(item, SpeechStarted | SpeechStopped) and item.source not in HANDS
            ):
                await trio.sleep_until(start + item.sample / CLOCK_HZ)
                with contextlib.suppress(SessionClosed, QueueFull):  # what could be done then cannot be done now
                    await self._do(item)

    async def _do(self, item: FloorInput) -> None:
        session = self._session
        match item:
            case SayRequested(_, turn_id):
                self._handles[turn_id] = await self._say(item)
            case ReplyRequested(_, turn_id, text, allow):
                self._handles[turn_id] = await session.generate_reply(
                    user_text=text, instructions=self._instructions(turn_id), allow_interruptions=allow
                )
            case TextReceived(_, turn_id, text):
                self._handles[turn_id] = await session.send_text(text)
            case SayCancelled(_, turn_id, reason) if (handle := self._handles.get(turn_id)) is not None:
                handle.cancel(reason)
            case ProtectionChanged(_, turn_id, allow) if (handle := self._handles.get(turn_id)) is not None:
                handle.allow_interruptions = allow
            case InterruptRequested(_, reason, speech_only):
                (session.interrupt_speech if speech_only else session.interrupt)(reason)
            case SpeechStarted(source="application" | "client" as source):
                session.start_user_turn(source)
            case SpeechStopped(source="application" | "client" as source):
                session.end_user_turn(source)
            case UserTurnCleared():
                session.clear_user_turn()
            case KeptAlive():
                session.keep_alive()
            case EndRequested(_, reason, finish, within):
                session.end(reason, finish=finish, within_s=within / CLOCK_HZ)

    async def _say(self, item: SayRequested) -> SpeechHandle | None:
        events = self._recording.events
        if any(isinstance(event, ReplyResumed) and event.turn_id == item.turn_id for event in events):
            return await self._session.resume_interrupted(allow_interruptions=item.allow_interruptions)
        clauses = [event.text for event in events if isinstance(event, ClauseReady) and event.turn_id == item.turn_id]
        text = item.text or " ".join(clauses)  # it may have come in pieces
        allowed, priority = item.allow_interruptions, item.priority
        return await self._session.say(text, allow_interruptions=allowed, priority=priority)

    def _instructions(self, turn_id: int) -> str:
        """What the model was told for one answer only: a last message of the system."""
        for stream in self._recording.streams:
            if stream.kind == "llm" and stream.turn_id == turn_id and stream.asked[0]:
                last: Message = stream.asked[0][-1]
                return last.text if last.role == "system" and len(stream.asked[0]) > 1 else ""
        return ""
