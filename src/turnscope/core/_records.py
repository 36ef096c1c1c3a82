"""What happened, turn by turn: folds over the events of a conversation, with the latencies that they imply."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from turnscope.core import _events as ev
from turnscope.core import _tool_events as tools
from turnscope.core._audio import CLOCK_HZ

__all__ = [
    "Conversation",
    "InterruptionCounts",
    "Latency",
    "OverlapRecord",
    "ToolRecord",
    "TurnRecord",
    "count_interruptions",
    "fold",
]


@dataclass(frozen=True, slots=True)
class Latency:
    """How long the parts of a turn took, in seconds; None where the part did not happen.

    Attributes:
        end_of_turn_s: Last sample of the caller's speech → the answer is begun.
        first_token_s: Answer begun → first text of the model.
        first_audio_s: Answer begun → first sample handed to the transport.
        response_s: Last sample of the caller's speech → first sample of the answer.
        onset_to_yield_s: First sample of the interrupting speech → the agent stepped back.
        onset_to_decision_s: First sample of the interrupting speech → the interruption was ordered.
        onset_to_silence_s: First sample of the interrupting speech → last sample of the agent.
        decision_to_silence_s: Order → last sample of the agent, 0.0 if it was silent already.
        decision_to_join_s: Order → every task of the turn had ended.
    """

    end_of_turn_s: float | None = None
    first_token_s: float | None = None
    first_audio_s: float | None = None
    response_s: float | None = None
    onset_to_yield_s: float | None = None
    onset_to_decision_s: float | None = None
    onset_to_silence_s: float | None = None
    decision_to_silence_s: float | None = None
    decision_to_join_s: float | None = None


@dataclass(slots=True)
class ToolRecord:
    """One call of a tool, as far as the events tell. Times are samples of the session's clock.

    Attributes:
        call_id: Names the call.
        tool: The tool's name.
        attempt: Which of the turn's answers asked for it.
        called: When the model asked for it.
        started: When its function was called; None if it never was.
        settled: When it was settled; None if it never was.
        kind: How: ``returned``, ``failed``, ``cancelled`` or ``detached``; empty if it was not.
        text: What the model was told.
    """

    call_id: str
    tool: str
    attempt: int
    called: int
    started: int | None = None
    settled: int | None = None
    kind: str = ""
    text: str = ""

    @property
    def duration_s(self) -> float | None:
        """From its start to its settlement, in seconds."""
        return _between(self.started, self.settled)


@dataclass(slots=True)
class TurnRecord:
    """One turn, as far as the events tell. Times are samples of the session's clock, None where it did not happen.

    Attributes:
        turn_id: Its id.
        origin: ``speech``, ``text``, ``say``, ``reply``, ``silence``, ``resume`` or ``reprompt``.
        onset: First sample of the caller's speech.
        speech_end: Sample after the last one of it.
        text: What was answered, or said.
        attempts: How many answers were begun.
        attempt_started: When the last of them was.
        first_token: When its first text came.
        audio_started: When its first sample was handed to the transport.
        yielded: When the agent stepped back for the speech that interrupted in the end.
        outcome: How it ended.
        ended: When it ended.
        joined: Its tasks had ended by then.
        reply: The clauses that were given to the synthesizer.
        tools: The calls of tools that its answers asked for.
    """

    turn_id: int
    origin: str
    onset: int | None
    speech_end: int | None = None
    text: str = ""
    attempts: int = 0
    attempt_started: int | None = None
    first_token: int | None = None
    audio_started: int | None = None
    yielded: int | None = None
    outcome: ev.Outcome | None = None
    ended: int | None = None
    joined: bool = True
    reply: list[str] = field(default_factory=list)
    tools: list[ToolRecord] = field(default_factory=list)

    @property
    def latency(self) -> Latency:
        """What the times imply."""
        decided = onset = silence = None
        if isinstance(self.outcome, ev.Interrupted):
            decided, onset, silence = self.outcome.cause.decision, self.outcome.cause.onset, self.outcome.silence
        after = None if silence is None or decided is None else max(silence, decided)
        return Latency(
            _between(self.speech_end, self.attempt_started),
            _between(self.attempt_started, self.first_token),
            _between(self.attempt_started, self.audio_started),
            _between(self.speech_end, self.audio_started),
            _between(onset, self.yielded if self.yielded is not None else decided) if onset is not None else None,
            _between(onset, decided),
            _between(onset, silence),
            _between(decided, after),
            _between(decided, self.ended) if self.joined else None,
        )


@dataclass(frozen=True, slots=True)
class OverlapRecord:
    """Something said, or a noise, while the agent spoke, that was no interruption."""

    challenger_id: int
    turn_id: int
    onset: int
    text: str
    evidence: str


@dataclass(frozen=True, slots=True)
class InterruptionCounts:
    """How often the caller spoke over the agent, and what became of it.

    Attributes:
        interruptions: They interrupted, with words.
        false_interruptions: The agent stepped back, or was interrupted, for something that brought no words.
        backchannels: They said something, and it was no interruption.
    """

    interruptions: int = 0
    false_interruptions: int = 0
    backchannels: int = 0

    @property
    def false_rate(self) -> float | None:
        """The share of false ones in all for which the agent stopped or stepped back, 0 to 1; None without any."""
        stops = self.interruptions + self.false_interruptions
        return self.false_interruptions / stops if stops else None


@dataclass(slots=True)
class Conversation:
    """All turns and overlaps, in the order in which they began."""

    turns: list[TurnRecord] = field(default_factory=list)
    overlaps: list[OverlapRecord] = field(default_factory=list)
    counts: InterruptionCounts = InterruptionCounts()


def _between(start: int | None, stop: int | None) -> float | None:
    return None if start is None or stop is None else (stop - start) / CLOCK_HZ


def fold(events: Iterable[ev.Event]) -> Conversation:
    """The record of a conversation from all its events."""
    events = list(events)
    conversation = Conversation(counts=count_interruptions(events))
    turns: dict[int, TurnRecord] = {}
    for event in events:
        if isinstance(event, ev.TurnStarted):
            turns[event.turn_id] = TurnRecord(event.turn_id, event.origin, event.onset)
            conversation.turns.append(turns[event.turn_id])
        elif isinstance(event, ev.UtteranceDismissed):
            if event.challenges is not None:
                overlap = OverlapRecord(event.turn_id, event.challenges, event.onset, event.text, event.evidence)
                conversation.overlaps.append(overlap)
        else:
            turn = turns.get(getattr(event, "turn_id", None) or 0)
            if turn is not None:
                _take(turn, event)
    return conversation


def count_interruptions(events: Iterable[ev.Event]) -> InterruptionCounts:
    """How often the caller spoke over the agent, from all events of a conversation."""
    confirmed: set[int] = set()
    false: set[int] = set()
    backchannels = 0
    for event in events:
        match event:
            case ev.Decided(verdict="confirm") if event.challenger_id != event.turn_id:
                confirmed.add(event.challenger_id)
            case ev.FalseInterruption():
                false.add(event.challenger_id)
            case ev.UtteranceDismissed() if event.challenges is not None and event.text:
                backchannels += 1
    return InterruptionCounts(len(confirmed - false), len(false), backchannels)


def _take(turn: TurnRecord, event: ev.Event) -> None:
    match event:
        case ev.AttemptStarted():
            turn.attempts += 1
            turn.text, turn.speech_end, turn.attempt_started = event.text, event.speech_end, event.sample
            turn.first_token = None
            turn.reply = []
        case ev.FirstToken():
            turn.first_token = event.sample
        case ev.ClauseReady():
            turn.reply.append(event.text)
        case ev.SpeechStartsPlaying():
            turn.audio_started = event.sample
        case ev.Yielded():
            turn.yielded = event.sample
        case ev.Resumed():
            turn.yielded = None
        case tools.ToolCalled():
            turn.tools.append(ToolRecord(event.call_id, event.tool, event.attempt, event.sample))
        case tools.ToolStarted() | tools.ToolSettled():
            for call in turn.tools:
                if call.call_id == event.call_id:
                    _take_call(call, event)
        case ev.TurnEnded():
            turn.outcome, turn.ended, turn.joined = event.outcome, event.sample, event.joined


def _take_call(call: ToolRecord, event: tools.ToolStarted | tools.ToolSettled) -> None:
    if isinstance(event, tools.ToolStarted):
        call.started = event.sample
    else:
        call.settled, call.kind, call.text = event.sample, event.kind, event.text
