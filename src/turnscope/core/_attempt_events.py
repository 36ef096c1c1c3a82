"""What happened to answers before and after they were heard: what they have cost."""

from dataclasses import dataclass

from turnscope.core._events import Event

__all__ = ["AttemptSpent"]


@dataclass(frozen=True, slots=True)
class AttemptSpent(Event):
    """What an answer has cost, and how much of it was of use. Comes once for each answer that was begun.

    Attributes:
        turn_id: Whose answer it was.
        attempt: Which of them.
        cause: How it ended, and so why the rest was thrown away: ``completed``, ``interrupted``, ``failed`` and
            ``hung_up`` as its turn, or ``user_resumed`` when it was taken back.
        input_tokens: Tokens that the model was given.
        output_tokens: Tokens that it wrote.
        used_output_tokens: Those of them that were heard, or displayed in full.
        estimated: Not all tokens were counted by the provider: it does not tell, or was cancelled before it did.
        synthesized_samples: Speech that was made, in samples of the session's clock.
        played_samples: How much of it was played.
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
