"""The gate that speech comes to first: is it listened to, judged, held, or ignored? Pure lookups, no words."""

from collections.abc import Sequence
from typing import Literal

from turnscope.core._evidence import Phase
from turnscope.core._inputs import EdgeProfile
from turnscope.core._phases import Handling

__all__ = ["GATE", "Admission", "Mute", "admit", "mute_in_force"]

Admission = Literal["listen", "judge", "hold", "ignore"]
"""What becomes of the beginning of speech: a first utterance is listened to, a challenger is judged or held."""

Mute = Literal["first_speech", "until_first_speech", "tools", "agent_speech"]
"""When the caller is not listened to: while the agent speaks for the first time; until it has done so; while tools run;
or whenever the agent is heard."""

Occasion = Phase | Literal["idle"]

GATE: dict[tuple[Occasion, EdgeProfile], Admission] = {
    ("idle", "turn"): "listen",
    ("idle", "barge_in"): "ignore",
    ("thinking", "turn"): "judge",
    ("thinking", "barge_in"): "judge",
    ("speaking", "turn"): "ignore",
    ("speaking", "barge_in"): "judge",
    ("protected", "turn"): "ignore",
    ("protected", "barge_in"): "hold",
    ("nearly_finished", "turn"): "ignore",
    ("nearly_finished", "barge_in"): "hold",
    ("answering_question", "turn"): "ignore",
    ("answering_question", "barge_in"): "judge",
}
"""What speech may do, by what the agent is doing and by the settings that found it, unless a profile says otherwise.

Nothing is lost where it says "ignore": while the agent is heard, the settings for barging in have found the speech
already; while nobody speaks, those for starting a turn will.
"""

_HANDLED: dict[Handling, Admission] = {"judge": "judge", "hold": "hold", "discard": "ignore"}


def admit(occasion: Occasion, profile: EdgeProfile, handling: Handling = "judge", *, muted: bool = False) -> Admission:
    """What becomes of the beginning of speech.

    Args:
        occasion: What the agent is doing; ``"idle"`` when nobody holds the floor.
        profile: Which settings found the speech.
        handling: What the phase's profile says of speech.
        muted: A mute is in force.
    """
    usual = GATE[occasion, profile]
    if muted:
        return "ignore"
    return usual if usual in ("listen", "ignore") else _HANDLED[handling]


def mute_in_force(mutes: Sequence[Mute], *, audible: bool, has_spoken: bool, tools_running: bool) -> Mute | None:
    """The first of `mutes` that keeps the caller from being listened to now.

    Args:
        mutes: Those that are set.
        audible: The agent is heard.
        has_spoken: It has said something to its end before, or was interrupted in it.
        tools_running: A tool call is running.
    """
    in_force: dict[Mute, bool] = {
        "first_speech": audible and not has_spoken,
        "until_first_speech": not has_spoken,
        "tools": tools_running,
        "agent_speech": audible,
    }
    return next((mute for mute in mutes if in_force[mute]), None)
