"""Strategies of when a caller does something, and of whole scripts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from turnscope._errors import ConfigError
from turnscope.core import Event, Samples
from turnscope.sim import AgentSays, AgentWords, HangUp, Happens, Moment, Step
from turnscope.testing._sounds import Noise, Recording, Sound, Utterance
from turnscope.testing.strategies import _sounds as sounds
from turnscope.testing.strategies._arguments import (
    check_counts,
    check_known,
    check_seconds,
    check_strategy,
    maybe,
    seconds,
)

__all__ = ["ANCHORS", "DEEDS", "moments", "scripts"]

ANCHORS = ("call", "previous", "quiet", "agent_starts", "agent_stops", "agent_words")
"""What the moments of a script are counted from: those of `Moment`, and so many words of a reply."""

DEEDS = ("speak", "barge_in", "nod", "cough", "talk_over")
"""What the callers of scripts can do, the simplest first."""

PATIENCE_S = 3.0
"""A caller who does nothing more hangs up after so much silence."""

PHONE = "phone"
"""Who hangs up then: a speaker of its own, who does not wait for what the others still want to say."""

MOST_WORDS = 4
"""So many words of a reply are waited for at most."""


def moments(
    anchors: Sequence[str] = ANCHORS,
    *,
    min_after_s: float = 0.0,
    max_after_s: float = 2.0,
    phrases: Sequence[str] = (),
    events: Sequence[type[Event]] = (),
) -> SearchStrategy[Moment]:
    """Moments of a call, on a grid of 10 ms. The simplest is `min_after_s` after the first of `anchors`.

    Args:
        anchors: ``call``, ``previous``, ``quiet``, ``agent_starts``, ``agent_stops``, as in `turnscope.sim.Moment`; and
            ``agent_words``: when 1 to 4 words of a reply were heard, as in `turnscope.sim.AgentWords`.
        min_after_s: They are so many seconds after their anchor at least,
        max_after_s: and so many at most.
        phrases: They can also be counted from the end of one of these, said by the agent;
        events: and from an event of one of these classes.

    Raises:
        ConfigError: An argument is wrong; the message names it.
    """
    check_known("anchors", anchors, ANCHORS)
    check_seconds("min_after_s", min_after_s)
    check_seconds("max_after_s", max_after_s, least=min_after_s)
    for kind in events:
        _check_event(kind)
    words = st.integers(1, MOST_WORDS).map(AgentWords)
    chosen: list[SearchStrategy[Any]] = [words if name == "agent_words" else st.just(name) for name in anchors]
    chosen += [st.just(AgentSays(phrase)) for phrase in phrases]
    chosen += [st.just(Happens(kind)) for kind in events]
    return st.builds(Moment, seconds(min_after_s, max_after_s), st.one_of(chosen))


def _check_event(kind: object) -> None:
    if not (isinstance(kind, type) and issubclass(kind, Event)):
        raise ConfigError(f"events must be classes of events, got {kind!r}")


def scripts(
    min_steps: int = 1,
    max_steps: int = 5,
    *,
    deeds: Sequence[str] = DEEDS,
    speech: SearchStrategy[str | Samples | Sound] | None = None,
    nods: SearchStrategy[str | Samples | Sound] | None = None,
    noises: SearchStrategy[Samples | Sound] | None = None,
    hang_ups: bool = True,
) -> SearchStrategy[list[Step]]:
    """What callers do in a call, for `turnscope.sim.simulate`. The simplest is one short utterance at its beginning.

    The first step is at the beginning of the call, and nearly always speech. Each of the others is one of `deeds`:

    - ``speak``: more speech, after the agent has spoken, or after a pause of the caller's own;
    - ``barge_in``: speech while the agent is heard;
    - ``nod``: a backchannel meanwhile;
    - ``cough``: a noise at any moment;
    - ``talk_over``: another person on the caller's side says something at any moment.

    They hang up after three seconds of silence, or now and then after their last step, in the middle of anything.

    Args:
        min_steps: A script has so many steps at least, not counting that they hang up: 0 or more,
        max_steps: and so many at most.
        deeds: What the steps after the first can be; each is as likely as the others, and may be named twice.
        speech: What is said. Texts are said in word code, with pauses as in `turnscope.testing.Utterance`; recordings
            are `turnscope.testing.Recording`, or audio at 16 kHz of shape ``(n,)``. By default `utterances`.
        nods: Backchannels, of the same kinds. By default `backchannels`.
        noises: Noises, or recordings of them. By default `coughs`.
        hang_ups: Whether they can hang up in the middle of anything.

    Raises:
        ConfigError: An argument is wrong; the message names it.
    """
    check_counts(min_steps, max_steps, 0, of="steps")
    check_known("deeds", deeds, DEEDS)
    given = {"speech": speech, "nods": nods, "noises": noises}
    for name, strategy in given.items():
        if strategy is not None:
            check_strategy(name, strategy)
    said: SearchStrategy[Any] = sounds.utterances() if speech is None else speech
    nodded: SearchStrategy[Any] = sounds.backchannels() if nods is None else nods
    noise: SearchStrategy[Any] = sounds.coughs() if noises is None else noises
    over_agent = moments(("agent_starts",)) | moments(("agent_words",), max_after_s=0.5)
    known: dict[str, SearchStrategy[Step]] = {
        "speak": _steps("speech", said, moments(("agent_stops", "previous"))),
        "barge_in": _steps("speech", said, over_agent),
        "nod": _steps("nods", nodded, over_agent),
        "cough": _steps("noises", noise, over_agent | moments()),
        "talk_over": _steps("speech", said, over_agent | moments(("quiet", "call")), "other"),
    }
    opening = _steps("speech", said, moments(("call",), max_after_s=1.0))
    following = [known[deed] for deed in deeds]
    hanging_up = st.builds(HangUp, over_agent | moments(("previous", "agent_stops"))) if hang_ups else None
    return _scripts(min_steps, max_steps, opening, following, hanging_up)


@st.composite
def _scripts(
    draw: DrawFn,
    min_steps: int,
    max_steps: int,
    opening: SearchStrategy[Step],
    following: list[SearchStrategy[Step]],
    hanging_up: SearchStrategy[Step] | None,
) -> list[Step]:
    steps: list[Step] = []
    if max_steps and draw(st.sampled_from((False, True, True, True))):
        steps.append(draw(opening))
    for _ in range(max_steps - 1):
        deed = draw(maybe(following))
        if deed is not None:
            steps.append(draw(deed))
    steps += [draw(opening) for _ in range(min_steps - len(steps))]
    if steps:
        steps[0] = replace(steps[0], moment=Moment(steps[0].moment.after_s))
    if hanging_up is not None and draw(st.integers(0, 2)) == 2:
        steps.append(draw(hanging_up))
    return [*steps, HangUp(Moment(PATIENCE_S, "quiet"), PHONE)]


def _steps(
    name: str, strategy: SearchStrategy[Any], when: SearchStrategy[Moment], speaker: str = ""
) -> SearchStrategy[Step]:
    """Steps in which what `strategy` gives is heard."""

    def step(what: Any, moment: Moment) -> Step:
        return _sound(name, what).at(moment, speaker=speaker)

    return st.builds(step, strategy, when)


def _sound(name: str, what: Any) -> Sound:
    """What a strategy gave, as a sound."""
    if isinstance(what, Utterance | Noise | Recording):
        return what
    if isinstance(what, str):
        return Utterance(what)
    if isinstance(what, np.ndarray):
        return Recording(what)
    raise ConfigError(f"{name} must be texts, samples, or sounds of turnscope.testing, got {type(what).__name__}")
