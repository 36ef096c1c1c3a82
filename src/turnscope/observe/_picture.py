"""What a drawing of a conversation shows, worked out from its events and its audio. Draws nothing itself."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from turnscope.core import (
    CLOCK_HZ,
    AttemptStarted,
    Event,
    FillerBegins,
    FillerEnds,
    HeardWord,
    Interrupted,
    Resumed,
    Samples,
    SpeechBegins,
    SpeechEnds,
    SpeechPlayed,
    StateChanged,
    TranscriptUpdated,
    TurnOpened,
    TurnRecord,
    TurnStarted,
    UtteranceDismissed,
    WordsHeard,
    Yielded,
    fold,
    to_samples,
)
from turnscope.observe._spans import Span, moment, place_words

AUDIBLE = 0.003
"""Peak of 10 ms of the agent below which no word is placed in them: −50 dB."""

_FRAME = CLOCK_HZ // 100


ASIDES = ("typed", "overlap", "no turn", "filler")
"""Notes of phrases that are not what a turn says or is asked."""


@dataclass(frozen=True, slots=True)
class StateSpan(Span):
    """How long the session was in one state."""

    state: str


@dataclass(frozen=True, slots=True)
class Phrase(Span):
    """What one of the two said in one go.

    Attributes:
        who: ``caller`` or ``agent``.
        turn_id: The turn it belongs to.
        heard: The words that were heard; all of the caller's are.
        unheard: Words of the agent that had been written and were not heard.
        voiced: Where in it there is voice, so that words can be placed.
        note: What to say of it besides: ``typed``, ``overlap``, ``no turn``, ``filler``, an outcome, or nothing.
        told: The words and their places, where they are known.
    """

    who: str
    turn_id: int
    heard: str
    unheard: str
    voiced: tuple[Span, ...]
    note: str = ""
    told: tuple[HeardWord, ...] = ()

    def words(self) -> list[tuple[str, int, int]]:
        """Each word with its first sample and the one in its middle, as told, else estimated."""
        texts = self.heard.split()
        if not self.told:
            return place_words(self.heard, self.voiced)
        if len(texts) != len(self.told):
            texts = [word.text for word in self.told]
        return [(text, word.start, (word.start + word.stop) // 2) for text, word in zip(texts, self.told, strict=True)]


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment worth a line and a label.

    `kind` is ``onset``, ``yield``, ``decision``, ``silence`` or ``overlap``; ``here`` is what somebody points at.
    """

    sample: int
    kind: str
    label: str


@dataclass(frozen=True, slots=True)
class Overlap(Span):
    """Something said over the agent that was no interruption, from its first sample to its dismissal."""

    turn_id: int
    challenger_id: int
    text: str
    evidence: str
    reaction: str | None
    yielded: int | None
    resumed: int | None


@dataclass(frozen=True, slots=True)
class Picture:
    """A whole conversation, ready to be drawn; everything in the order of time.

    Attributes:
        length: Of the call, in samples.
        turns: Its turns.
        caller_speech: Where the caller's speech was detected.
        states: The session's states.
        phrases: What was said.
        overlaps: What was said over the agent without interrupting.
        marks: Groups of marks that belong together: one group for each interruption or overlap.
    """

    length: int
    turns: tuple[TurnRecord, ...]
    caller_speech: tuple[Span, ...]
    states: tuple[StateSpan, ...]
    phrases: tuple[Phrase, ...]
    overlaps: tuple[Overlap, ...]
    marks: tuple[tuple[Mark, ...], ...]


def picture(events: Iterable[Event], agent: Samples, length: int) -> Picture:
    """Work out what there is to see.

    Args:
        events: All events of the conversation, in order.
        agent: The agent as heard, at 16 kHz.
        length: Of the call, in samples.
    """
    events = tuple(events)
    turns = tuple(fold(events).turns)
    speech = caller_speech(events, length)
    phrases = [
        *_caller_phrases(events, turns, speech, length),
        *_agent_phrases(events, turns, agent, length),
        *_fillers(events, agent),
    ]
    overlaps = find_overlaps(events)
    marks = [*(stop_marks(turn) for turn in turns), *(_overlap_marks(overlap) for overlap in overlaps)]
    return Picture(
        length,
        turns,
        speech,
        _states(events, length),
        tuple(sorted(phrases, key=lambda phrase: phrase.start)),
        overlaps,
        tuple(sorted((group for group in marks if group), key=lambda group: group[0].sample)),
    )


def caller_speech(events: Iterable[Event], length: int) -> tuple[Span, ...]:
    """Where the caller's speech was detected, whichever settings found it."""
    begun: dict[tuple[str, str], int] = {}
    spans: list[Span] = []
    for event in events:
        if isinstance(event, SpeechBegins):
            begun[event.profile, event.source] = event.onset
        elif isinstance(event, SpeechEnds):
            onset = begun.pop((event.profile, event.source), None)
            if onset is not None:
                spans.append(Span(onset, event.end))
    spans += [Span(onset, length) for onset in begun.values()]
    return _union(spans)


def find_overlaps(events: Iterable[Event]) -> tuple[Overlap, ...]:
    """What was said over the agent and was no interruption, and what the agent did about it."""
    yields: dict[int, Yielded] = {}
    found: list[Overlap] = []
    resumed: dict[int, int] = {}
    for event in events:
        match event:
            case Yielded():
                yields[event.challenger_id] = event
            case Resumed():  # comes just before the dismissal that is its reason
                resumed[event.turn_id] = event.sample
            case UtteranceDismissed() if event.challenges is not None:
                reaction = yields.get(event.turn_id)
                back = resumed.get(event.challenges) if reaction is not None else None
                found.append(
                    Overlap(
                        event.onset,
                        max(event.sample, event.onset),
                        event.challenges,
                        event.turn_id,
                        event.text,
                        event.evidence,
                        None if reaction is None else reaction.reaction,
                        None if reaction is None else reaction.sample,
                        back if back is not None and reaction is not None and back >= reaction.sample else None,
                    )
                )
    return tuple(found)


def stop_marks(turn: TurnRecord) -> tuple[Mark, ...]:
    """The moments of a turn's interruption, in order, each labelled with its distance from the first cause."""
    if not isinstance(turn.outcome, Interrupted):
        return ()
    cause, silence = turn.outcome.cause, turn.outcome.silence
    if cause.onset is None:
        origin = cause.decision
        marks = [Mark(origin, "decision", f"{cause.reason.replace('_', ' ')} {moment(origin)}")]
    else:
        origin = cause.onset
        marks = [Mark(origin, "onset", f"onset {moment(origin)}")]
        if turn.yielded is not None:
            marks.append(Mark(turn.yielded, "yield", f"yield {_distance(origin, turn.yielded)}"))
        marks.append(Mark(cause.decision, "decision", f"decision {_distance(origin, cause.decision)}"))
    if silence is not None:
        marks.append(Mark(silence, "silence", f"silence {_distance(origin, silence)}"))
    return tuple(sorted(marks, key=lambda mark: mark.sample))


def choose_strips(whole: Picture, limit: int, longest_s: float = 12.0) -> tuple[list[Span], int]:
    """Cut a call into at most `limit` strips of equal length, `longest_s` at most.

    Returns:
        The strips, in order, and how many more there would have been. Of a long call those are chosen in which
        something was interrupted or overlapped, then the first ones.
    """
    longest = to_samples(longest_s)
    count = max(-(-whole.length // longest), 1)
    half = CLOCK_HZ // 2
    each = longest if count > limit else min(-(-max(whole.length, half) // (count * half)) * half, longest)
    chosen = set(range(count))
    if count > limit:
        eventful = dict.fromkeys(min(group[0].sample // each, count - 1) for group in whole.marks)
        first = [index for index in range(limit) if index not in eventful]
        chosen = {*[*eventful, *first][:limit]}
    return [Span(index * each, (index + 1) * each) for index in sorted(chosen)], count - len(chosen)


def counted_summary(whole: Picture, separator: str) -> str:
    """How long the call was and what there was in it, in a few words."""
    stopped = sum(isinstance(turn.outcome, Interrupted) for turn in whole.turns)
    turns, overlaps = len(whole.turns), len(whole.overlaps)
    parts = (
        moment(whole.length),
        f"{turns} turn{'s' * (turns != 1)}",
        f"{stopped} interrupted",
        f"{overlaps} overlap{'s' * (overlaps != 1)}",
    )
    return separator.join(parts)


def spoken_parts(turn: TurnRecord) -> tuple[str, str]:
    """The words of a turn's reply that were heard, and those that were not."""
    outcome = turn.outcome
    heard = "" if outcome is None else outcome.heard
    if isinstance(outcome, Interrupted):
        return heard, outcome.unheard
    written = "".join(turn.reply).strip()
    if outcome is None or outcome.kind == "completed" or not written.startswith(heard):
        return heard, ""
    return heard, written[len(heard) :].strip()


def user_texts(events: Iterable[Event]) -> dict[int, str]:
    """What the caller said or typed, by the turn that took it in."""
    texts: dict[int, str] = {}
    says: set[int] = set()
    for event in events:
        match event:
            case TurnStarted() if event.origin == "say":
                says.add(event.turn_id)
            case TranscriptUpdated() | AttemptStarted() if event.turn_id not in says:
                texts[event.turn_id] = event.text
            case UtteranceDismissed():
                texts[event.turn_id] = event.text
    return texts


def _caller_phrases(
    events: Sequence[Event], turns: Sequence[TurnRecord], speech: Sequence[Span], length: int
) -> list[Phrase]:
    texts = user_texts(events)
    ends = {turn.turn_id: turn.speech_end for turn in turns}
    dismissed = {event.turn_id: event for event in events if isinstance(event, UtteranceDismissed)}
    opened = sorted((event for event in events if isinstance(event, TurnOpened)), key=lambda event: event.onset)
    phrases = []
    for index, event in enumerate(opened):
        limit = opened[index + 1].onset if index + 1 < len(opened) else length
        end = ends.get(event.turn_id)
        voiced = _within(speech, Span(event.onset, limit if end is None else end))
        stop = voiced[-1].stop if voiced else event.onset
        ruling = dismissed.get(event.turn_id)
        note = "" if ruling is None else "no turn" if ruling.challenges is None else "overlap"
        text = texts.get(event.turn_id, "")
        phrases.append(Phrase(event.onset, stop, "caller", event.turn_id, text, "", voiced, note))
    for item in events:
        if isinstance(item, TurnStarted) and item.origin == "text":
            text = texts.get(item.turn_id, "")
            phrases.append(Phrase(item.sample, item.sample, "caller", item.turn_id, text, "", (), "typed"))
    return phrases


def _agent_phrases(events: Sequence[Event], turns: Sequence[TurnRecord], agent: Samples, length: int) -> list[Phrase]:
    played = {event.turn_id: event.sample for event in events if isinstance(event, SpeechPlayed)}
    told = {event.turn_id: event.words for event in events if isinstance(event, WordsHeard)}
    phrases = []
    for turn in turns:
        heard, unheard = spoken_parts(turn)
        outcome = turn.outcome
        stop = played.get(turn.turn_id, turn.ended)
        start = turn.audio_started
        if isinstance(outcome, Interrupted):
            stop = outcome.cause.decision if outcome.silence is None else outcome.silence
            start = stop if start is None else start
        if start is None or not (heard or unheard or turn.audio_started is not None):
            continue
        whole = Span(start, max(length if stop is None else stop, start))
        note = "" if outcome is None or outcome.kind == "completed" else outcome.kind.replace("_", " ")
        phrases.append(
            Phrase(
                whole.start,
                whole.stop,
                "agent",
                turn.turn_id,
                heard,
                unheard,
                _voiced(agent, whole),
                note,
                told.get(turn.turn_id, ()),
            )
        )
    return phrases


def _fillers(events: Sequence[Event], agent: Samples) -> list[Phrase]:
    """What was heard while an answer was late."""
    phrases: list[Phrase] = []
    begun: FillerBegins | None = None
    for event in events:
        if isinstance(event, FillerBegins):
            begun = event
        elif isinstance(event, FillerEnds) and begun is not None:
            span, heard = Span(begun.sample, event.sample), begun.text or "(sound)"
            voiced = _voiced(agent, span)
            phrases.append(Phrase(span.start, span.stop, "agent", begun.turn_id, heard, "", voiced, "filler"))
    return phrases


def _voiced(samples: Samples, span: Span) -> tuple[Span, ...]:
    """Where in `span` there is voice, in steps of 10 ms; all of it if that is nowhere."""
    count = (min(span.stop, len(samples)) - span.start) // _FRAME
    if count <= 0:
        return (span,)
    piece = np.abs(samples[span.start : span.start + count * _FRAME])
    loud = np.flatnonzero(piece.reshape(count, _FRAME).max(axis=1) > AUDIBLE)
    spans = [Span(span.start + int(i) * _FRAME, span.start + (int(i) + 1) * _FRAME) for i in loud]
    return _union(spans) or (span,)


def _states(events: Iterable[Event], length: int) -> tuple[StateSpan, ...]:
    changes = [event for event in events if isinstance(event, StateChanged)]
    stops = [*(event.sample for event in changes[1:]), length][: len(changes)]
    spans = [StateSpan(event.sample, stop, event.new) for event, stop in zip(changes, stops, strict=True)]
    return tuple(span for span in spans if span.stop > span.start and span.state not in ("initial", "ended"))


def _overlap_marks(overlap: Overlap) -> tuple[Mark, ...]:
    back = "" if overlap.resumed is None else f", resumed {_distance(overlap.start, overlap.resumed)}"
    return (Mark(overlap.start, "overlap", f"overlap: {overlap.evidence}{back}"),)


def _distance(origin: int, sample: int) -> str:
    return f"{(sample - origin) * 1000 / CLOCK_HZ:+.0f} ms".replace("-", "−")


def _within(spans: Sequence[Span], limits: Span) -> tuple[Span, ...]:
    """The parts inside `limits` of spans that are in order and do not touch."""
    first = bisect_right(spans, limits.start, key=lambda span: span.stop)
    found: list[Span] = []
    for span in islice(spans, first, None):
        if span.start >= limits.stop:
            break
        found.append(Span(max(span.start, limits.start), min(span.stop, limits.stop)))
    return tuple(found)


def _union(spans: Iterable[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, span.stop)):
        if merged and span.start <= merged[-1].stop:
            merged[-1] = Span(merged[-1].start, max(merged[-1].stop, span.stop))
        else:
            merged.append(span)
    return tuple(merged)
