"""The session's states and the one literal table of how it goes from one to another."""

from enum import Enum

from turnscope._errors import ProtocolError

__all__ = ["TRANSITIONS", "State", "Trigger", "next_state"]


class State(Enum):
    """What the session is doing, as its users see it."""

    INITIAL = "initial"
    LISTENING = "listening"
    PROCESSING = "processing"
    SPEAKING = "speaking"
    AWAY = "away"
    ENDED = "ended"


class Trigger(Enum):
    """Why it goes on to another state."""

    OPENED = "opened"
    ANSWER = "answer"
    """There is something to answer, or to say, and it is begun."""
    FIRST_AUDIO = "first audio"
    FINISHED = "finished"
    """The reply was played to its end, or there was nothing to speak."""
    USER_RESUMED = "user resumed"
    """The caller goes on speaking before anything of the answer was heard."""
    BARGE_IN = "barge-in"
    """The caller, or somebody for them, interrupts."""
    FAILED = "failed"
    SILENCE = "silence"
    RETURN = "return"
    END = "end"


TRANSITIONS: dict[tuple[State, Trigger], State] = {
    (State.INITIAL, Trigger.OPENED): State.LISTENING,
    (State.INITIAL, Trigger.END): State.ENDED,
    (State.LISTENING, Trigger.ANSWER): State.PROCESSING,
    (State.LISTENING, Trigger.SILENCE): State.AWAY,
    (State.LISTENING, Trigger.END): State.ENDED,
    (State.PROCESSING, Trigger.FIRST_AUDIO): State.SPEAKING,
    (State.PROCESSING, Trigger.FINISHED): State.LISTENING,
    (State.PROCESSING, Trigger.USER_RESUMED): State.LISTENING,
    (State.PROCESSING, Trigger.BARGE_IN): State.LISTENING,
    (State.PROCESSING, Trigger.FAILED): State.LISTENING,
    (State.PROCESSING, Trigger.END): State.ENDED,
    (State.SPEAKING, Trigger.FINISHED): State.LISTENING,
    (State.SPEAKING, Trigger.BARGE_IN): State.LISTENING,
    (State.SPEAKING, Trigger.ANSWER): State.PROCESSING,
    (State.SPEAKING, Trigger.FAILED): State.LISTENING,
    (State.SPEAKING, Trigger.END): State.ENDED,
    (State.AWAY, Trigger.RETURN): State.LISTENING,
    (State.AWAY, Trigger.END): State.ENDED,
}
"""Every legal transition; a pair that is not here is an error of the program."""


def next_state(state: State, trigger: Trigger) -> State:
    """Where `trigger` leads from `state`.

    Raises:
        ProtocolError: It leads nowhere from there.
    """
    try:
        return TRANSITIONS[state, trigger]
    except KeyError:
        raise ProtocolError(f"{trigger.value!r} is not possible while {state.value}") from None
