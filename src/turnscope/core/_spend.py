"""What a conversation cost, and how much of it was thrown away for which cause: a fold over its events."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from turnscope.core._attempt_events import AttemptSpent
from turnscope.core._audio import CLOCK_HZ
from turnscope.core._events import Event

__all__ = ["Spend", "SpendLedger", "SpendRecord", "fold_spend"]


@dataclass(frozen=True, slots=True)
class Spend:
    """An amount of what answers are made of.

    Attributes:
        input_tokens: Tokens that a language model was given.
        output_tokens: Tokens that it wrote.
        samples: Synthesized speech, in samples of the session's clock.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    samples: int = 0

    def __add__(self, other: "Spend") -> "Spend":
        """Both together."""
        return Spend(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.samples + other.samples,
        )

    def __sub__(self, other: "Spend") -> "Spend":
        """What is left without `other`."""
        return Spend(
            self.input_tokens - other.input_tokens,
            self.output_tokens - other.output_tokens,
            self.samples - other.samples,
        )

    @property
    def speech_s(self) -> float:
        """The speech, in seconds."""
        return self.samples / CLOCK_HZ


@dataclass(slots=True)
class SpendLedger:
    """What was spent: ``spent == used + sum(wasted.values())``.

    Attributes:
        spent: All of it.
        used: What came to something: words that were heard or displayed, the questions that led to them, and speech
            that was played.
        wasted: The rest, by the `AttemptSpent.cause` that threw it away; causes that wasted nothing are left out. What
            was made to fill a wait and was not heard is wasted by ``filler``.
        estimated: Some of the tokens were estimated.
    """

    spent: Spend = Spend()
    used: Spend = Spend()
    wasted: dict[str, Spend] = field(default_factory=dict)
    estimated: bool = False

    @property
    def all_wasted(self) -> Spend:
        """What was thrown away, for whatever cause."""
        return sum(self.wasted.values(), Spend())

    def enter(self, event: AttemptSpent) -> None:
        """Add what one answer has cost."""
        spent = Spend(event.input_tokens, event.output_tokens, event.synthesized_samples)
        used = _used(event)
        wasted = spent - used
        filler, heard = Spend(samples=event.filler_samples), Spend(samples=event.played_filler_samples)
        self.spent += spent + filler
        self.used += used + heard
        for cause, lost in ((event.cause, wasted), ("filler", filler - heard)):
            if lost != Spend():
                self.wasted[cause] = self.wasted.get(cause, Spend()) + lost
        self.estimated = self.estimated or event.estimated


@dataclass(slots=True)
class SpendRecord:
    """What a conversation cost.

    Attributes:
        total: All of it.
        turns: The same turn by turn, by id; turns that spent nothing are left out, and so is what was never a turn.
    """

    total: SpendLedger = field(default_factory=SpendLedger)
    turns: dict[int, SpendLedger] = field(default_factory=dict)


def fold_spend(events: Iterable[Event]) -> SpendRecord:
    """What a conversation cost, from all its events."""
    record = SpendRecord()
    for event in events:
        if isinstance(event, AttemptSpent):
            record.total.enter(event)
            record.turns.setdefault(event.turn_id, SpendLedger()).enter(event)
    return record


def _used(event: AttemptSpent) -> Spend:
    """A question was of use if anything of its answer was."""
    of_use = event.cause == "completed" or event.used_output_tokens > 0 or event.played_samples > 0
    return Spend(event.input_tokens if of_use else 0, event.used_output_tokens, event.played_samples)
