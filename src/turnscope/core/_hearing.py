"""What is being heard of one utterance: its words, its pauses, whose speech it challenges.

Bookkeeping for the Floor; it decides nothing.
"""

from dataclasses import dataclass, field

from turnscope.core._audio import CLOCK_HZ
from turnscope.core._evidence import RECENT_TRANSCRIPTS, Phase

__all__ = ["Guess", "Hearing", "Score"]

_SETTLED_TOLERANCE = CLOCK_HZ // 10
"""A final transcript that accounts for the audio up to this close to the end of speech accounts for all of it."""


@dataclass(frozen=True, slots=True)
class Score:
    """A value from 0 to 1 that accounts for the sound up to `stop`."""

    value: float
    stop: int


@dataclass(frozen=True, slots=True)
class Guess:
    """An answer that was begun before the turn is known to be over: which attempt it is, and to what words."""

    attempt: int
    text: str


@dataclass(slots=True)
class Hearing:
    """The listening part of a turn.

    Attributes:
        turn_id: The turn that it would be, or is.
        onset: First sample of its speech.
        challenges: The turn whose speech it was said over, while that is undecided.
        admitted: It is a turn: its record has begun.
        confidence: The detector's, at the onset.
        listen_from: Where its listener began, a little earlier.
        speech_end: Sample after its last one; None while the caller speaks.
        longest_pause: The longest pause after which the caller went on, in samples.
        attempts: How many answers to it were begun, guesses included.
        guess: The answer that was begun on the guess that nothing more is said.
        guesses: How many of those there were.
        words: Its words, without what two transcripts may differ in.
        words_since: Since when they have been these.
        settled: The transcript accounts for everything up to `speech_end`.
        accounted_for: Up to where its words account for the audio, settled or not.
        broken: Nobody listens any more, because the listener failed.
        scores: What others say of its sound, by name.
        cutting: The turn has been long enough and has no words yet: it is over with the next final transcript.
        cut_at: It was ended in the middle of speech. From this sample on, what was said belongs to whoever comes next.
        flushed: It was told to settle, and hears nothing until it is told to listen on.
        phase: What the agent was doing at the onset.
        held: It waits until the agent has finished; nobody judges it before.
        judge_from: It is not judged before, because an interruption has only just been.
        continued: Its sound has gone on since something of it was dismissed.
        interrupted: The turn that it interrupted.
        by_hand: The application or the client said that it begins; a detector does not say when it ends.
        finished: The application or the client said that it is over.
    """

    turn_id: int
    onset: int
    challenges: int | None
    confidence: float
    listen_from: int = 0
    admitted: bool = False
    speech_end: int | None = None
    longest_pause: int = 0
    attempts: int = 0
    guess: Guess | None = None
    guesses: int = 0
    words: tuple[str, ...] = ()
    words_since: int = 0
    settled: bool = False
    accounted_for: int = 0
    broken: bool = False
    scores: dict[str, Score] = field(default_factory=dict)
    cutting: bool = False
    cut_at: int | None = None
    flushed: bool = False
    phase: Phase = "speaking"
    held: bool = False
    judge_from: int = 0
    continued: bool = False
    interrupted: int | None = None
    by_hand: bool = False
    finished: bool = False
    _finals: list[str] = field(default_factory=list)
    _stretches: list[int] = field(default_factory=list)
    """At which of the finals a stretch of speech begins, other than the first."""
    _interim: str = ""
    _recent: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All words so far."""
        return " ".join(part for part in (*self._finals, self._interim) if part)

    @property
    def recent(self) -> tuple[str, ...]:
        """The texts of the newest transcripts, oldest first."""
        return tuple(self._recent)

    @property
    def whole(self) -> bool:
        """The caller is silent, and the words account for everything up to then, settled or not."""
        return self.speech_end is not None and self.accounted_for >= self.speech_end - _SETTLED_TOLERANCE

    def take_transcript(self, text: str, *, is_final: bool, stop: int) -> None:
        """A transcript came that accounts for the audio up to `stop`."""
        text = text.strip()
        self.accounted_for = max(self.accounted_for, stop)
        if is_final:
            if text:
                self._finals.append(text)
            self._interim = ""
            self.settled = self.speech_end is not None and stop >= self.speech_end - _SETTLED_TOLERANCE
        else:
            self._interim = text
        self._recent = [*self._recent[1 - RECENT_TRANSCRIPTS :], text]

    def take_scores(self, scores: dict[str, Score]) -> None:
        """Others judge the sound; of what they say of its own sound, the newest by name counts."""
        for name, score in scores.items():
            known = self.scores.get(name)
            if score.stop > self.onset and (known is None or score.stop >= known.stop):
                self.scores[name] = score

    def speech_stopped(self, end: int) -> None:
        """The caller fell silent."""
        self.speech_end = end
        self.settled = False

    def speech_resumed(self, onset: int) -> None:
        """The caller goes on."""
        if self.speech_end is not None:
            self.longest_pause = max(self.longest_pause, onset - self.speech_end)
        if self._finals[(self._stretches or [0])[-1] :]:
            self._stretches.append(len(self._finals))
        self.speech_end = None
        self.settled = False
        self.cut_at = None

    def keep_newest(self, count: int) -> str:
        """Lose the words of all stretches of speech but the newest `count`, the one that goes on included.

        Returns:
            What was lost.
        """
        excess = len(self._stretches) + 1 - count
        if excess <= 0:
            return ""
        cut = self._stretches[excess - 1]
        lost, self._finals = self._finals[:cut], self._finals[cut:]
        self._stretches = [begin - cut for begin in self._stretches[excess:]]
        return " ".join(lost)
