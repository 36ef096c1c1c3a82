"""What happens to answers that may never be heard, and what answers have cost."""

from dataclasses import dataclass

from turnscope.core._events import Event

__all__ = ["AttemptSpent", "SpeculationAdmitted", "SpeculationDropped", "SpeculationStarted"]


@dataclass(frozen=True, slots=True)
class AttemptSpent(Event):
    """What an answer has cost, and how much of it was of use. Comes once for each answer that was begun.

    Attributes:
        turn_id: Whose answer it was.
        attempt: Which of them.
        cause: How it ended, and so why the rest was thrown away: ``completed``, ``interrupted``, ``failed`` and
            ``hung_up`` as its turn, or ``user_resumed`` when it was taken back, and ``speculation_stale`` when it
            was a guess that was not right.
        input_tokens: Tokens that the model was given.
        output_tokens: Tokens that it wrote.
        used_output_tokens: Those of them that were heard, or displayed in full.
        estimated: Not all tokens were counted by the provider: it does not tell, or was cancelled before it did.
        synthesized_samples: Speech that was made, in samples of the session's clock.
        played_samples: How much of it was played.
        filler_samples: Speech that was made to fill the wait for it, which is not part of it.
        played_filler_samples: How much of that was played.
    """

    turn_id: int
    attempt: int
    cause: str
    input_tokens: int
    output_tokens: int
    used_output_tokens: int
    estimated: bool
    synthesized_samples: int
    played_samples: int
    filler_samples: int = 0
    played_filler_samples: int = 0


@dataclass(frozen=True, slots=True)
class SpeculationStarted(Event):
    """An answer to `text` was begun on the guess that the caller says no more. Nothing of it can be heard."""

    turn_id: int
    attempt: int
    text: str


@dataclass(frozen=True, slots=True)
class SpeculationAdmitted(Event):
    """The guess was right: it was made about `text`, whose `similarity` to what the caller said is 0.0 to 1.0."""

    turn_id: int
    attempt: int
    text: str
    similarity: float


@dataclass(frozen=True, slots=True)
class SpeculationDropped(Event):
    """The guess was given up, and nothing of it was heard or remembered.

    `cause` is ``words_changed``, ``user_speaking`` (the caller went on), ``failed`` (a provider did),
    ``priority_message`` (something urgent is said first), ``agent_changed`` or ``turn_ended`` (without an answer).
    """

    turn_id: int
    attempt: int
    cause: str
