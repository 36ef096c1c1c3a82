"""A caller who reacts to words as they are heard, to tools, states and decisions: at the sample of each."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.session.calls import AGENT, REPLY, of_kind, speech
from tests.session.tooling import clerk, slow
from turnscope import ConfigError
from turnscope.core import CLOCK_HZ, Decided, HeardWord, StateChanged, ToolSettled, ToolStarted, WordsHeard
from turnscope.sim import (
    AgentSays,
    AgentWords,
    Call,
    FakeTTS,
    HangUp,
    Happens,
    Moment,
    Play,
    Reaction,
    Scenario,
    Step,
    broken_promises,
    encode_words,
    load_scenario,
    simulate,
)
from turnscope.sim._reactions import Reactions

Load = Callable[[str], Scenario]


def says(text: str, wanted: Reaction, after_s: float = 0.0, *, nth: int | None = None) -> Play:
    return Play(encode_words(text, words_per_s=5)[0], Moment(after_s, wanted, nth), name=text)


def hold(*steps: Step, seed: int = 1, agent: Any = AGENT, **settings: Any) -> Call:
    script = [speech("two lattes please.", 0.2), *steps, HangUp(Moment(1.5, "quiet"))]
    call = simulate(replace(agent, **settings), script, seed=seed, max_s=60)
    assert broken_promises(call) == []
    return call


def heard(call: Call, turn: int = 0) -> tuple[HeardWord, ...]:
    return of_kind(call, WordsHeard)[turn].words


PHRASES = {
    "its words in a row": (AgentSays("two lattes"), "lattes"),
    "whatever their case and punctuation": (AgentSays("LATTES, and it"), "it"),
    "one word": (AgentSays("your"), "Your"),
    "a pattern over several": (AgentSays(r"is \w+ lattes", is_pattern=True), "lattes"),
    "a pattern without regard to case": (AgentSays("^your order$", is_pattern=True), "order"),
    "so many words": (AgentWords(3), "is"),
}


@pytest.mark.feature("X1")
@pytest.mark.parametrize(("wanted", "last"), PHRASES.values(), ids=PHRASES)
def test_a_step_can_happen_at_the_sample_after_the_word_that_is_waited_for(wanted: Reaction, last: str) -> None:
    call = hold(says("wait three.", wanted))
    [word] = [word for word in heard(call) if word.text == last]
    assert call.placed[1].start == word.stop


@pytest.mark.parametrize("frame_s", [0.01, 0.02, 0.05])
def test_neither_the_frames_nor_the_order_of_tasks_move_it(frame_s: float) -> None:
    script: list[Step] = [
        speech("two lattes please.", 0.2),
        says("wait three.", AgentSays("two")),
        HangUp(Moment(1, "quiet")),
    ]
    calls = [simulate(AGENT, script, seed=seed, frame_s=frame_s) for seed in range(4)]
    assert len({call.placed[1].start for call in calls}) == 1
    [word] = [word for word in heard(calls[0]) if word.text == "two"]
    assert calls[0].placed[1].start == word.stop


def test_a_delay_is_counted_from_there() -> None:
    call = hold(says("wait three.", AgentSays("order"), 0.123))
    assert call.placed[1].start == heard(call)[1].stop + round(0.123 * CLOCK_HZ)


def test_words_whose_places_are_only_estimated_will_do() -> None:
    call = hold(says("wait three.", AgentWords(4)), tts=FakeTTS(timings=False))
    assert heard(call)[3].estimated
    assert call.placed[1].start >= heard(call)[3].stop


def test_words_that_were_generated_but_are_not_heard_do_not_count() -> None:
    call = hold(says("wait three.", AgentWords(2)), says("never said.", AgentSays("ready soon")))
    assert len(call.placed) == 2  # not even the step that follows
    assert "ready soon" in getattr(call.turns[0].outcome, "unheard", "")


def test_what_was_said_before_the_step_before_is_no_reaction_to_it() -> None:
    call = hold(says("wait three.", AgentSays("two")), says("thank you.", AgentSays("three")))
    [three] = [word for word in heard(call, 1) if word.text == "three"]
    assert call.placed[2].start == three.stop


def test_the_reply_can_be_named() -> None:
    call = hold(says("wait three.", AgentWords(1)), says("thank you.", AgentWords(1), nth=2))
    assert call.placed[2].start == heard(call, 1)[0].stop


def test_the_same_words_said_again_count_again() -> None:
    again = AGENT.llm.__class__([], fallback="Tea or tea or tea it is.", tokens_per_s=40)  # type: ignore[call-arg]
    step = Play(encode_words("hm")[0][:1600] * 0, Moment(0.0, AgentSays("tea")), speech_start=None)
    call = hold(step, step, step, llm=again)
    teas = [word.stop for word in heard(call) if word.text.lower() == "tea"]
    assert [placed.start for placed in call.placed[1:4]] == teas


HAPPENINGS: dict[str, tuple[Happens, type[Any]]] = {
    "a state": (Happens(StateChanged, {"new": "processing"}), StateChanged),
    "a tool's beginning": (Happens(ToolStarted, {"tool": "order"}), ToolStarted),
    "a tool's end": (Happens(ToolSettled, {"tool": "order"}), ToolSettled),
}


@pytest.mark.parametrize(("wanted", "kind"), HAPPENINGS.values(), ids=HAPPENINGS)
@pytest.mark.parametrize("seed", range(3))
def test_a_step_can_happen_when_something_happens(wanted: Happens, kind: type[Any], seed: int) -> None:
    call = hold(says("wait three.", wanted, 0.05), agent=clerk(slow(0.8)), seed=seed)
    happened = next(event for event in of_kind(call, kind) if wanted.fits(event))
    assert call.placed[1].start == happened.sample + 800


def test_a_step_can_follow_a_decision() -> None:
    call = hold(says("yes", AgentWords(2)), says("wait three.", Happens(Decided, {"verdict": "dismiss"})))
    dismissed = next(event for event in of_kind(call, Decided) if event.verdict == "dismiss")
    assert call.placed[2].start == dismissed.sample


def test_which_time_it_happens_can_be_said() -> None:
    spoken = Happens(StateChanged, {"new": "speaking"})
    call = hold(says("wait three.", AgentWords(2)), says("thank you.", spoken, nth=2))
    times = [event.sample for event in of_kind(call, StateChanged) if event.new == "speaking"]
    assert call.placed[2].start == times[1]


def test_what_lies_in_the_callers_future_is_no_reason_yet() -> None:
    reactions, reached = Reactions(), Happens(StateChanged, {"new": "speaking"})
    reactions.expect(reached)
    reactions.listen(lambda: {1: (HeardWord("two", 100, 900, estimated=False),)})
    reactions.notice(StateChanged(800, "processing", "speaking", "audio_started"))
    for wanted, at in ((AgentSays("two"), 900), (AgentWords(1), 900), (reached, 800)):
        moments = [reactions.moment(wanted, since=-1, nth=None, now=now) for now in (at - 1, at + 1)]
        assert moments == [None, at]


def test_nobody_can_wait_for_less_than_a_word() -> None:
    with pytest.raises(ConfigError, match="count must be at least 1, got 0"):
        AgentWords(0)


# In files

FAKES = f"""
version = 1
[agent]
vad = {{ provider = "fake" }}
stt = {{ provider = "fake" }}
tts = {{ provider = "fake" }}
llm = {{ provider = "scripted", rules = [{{ when = "wait", reply = "Fine." }}], fallback = "{REPLY}" }}
[[caller]]
words = "two lattes please"
at_s = 0.2
"""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str) -> Scenario:
        path = tmp_path / "call.scenario.toml"
        path.write_text(f"{FAKES}\n[[caller]]\nwords = 'wait'\n{text}", encoding="utf-8")
        return load_scenario(path)

    return load


WRITTEN = {
    "words": ('after_agent_says = "two lattes"', Moment(0.0, AgentSays("two lattes"))),
    "a pattern": (
        'after_agent_says = { regex = "two|three" }\ndelay_s = 0.2',
        Moment(0.2, AgentSays("two|three", is_pattern=True)),
    ),
    "a number of words": ("after_agent_words = 2\nreply = 2", Moment(0.0, AgentWords(2), 2)),
    "a state": ('after_state = "away"', Moment(0.0, Happens(StateChanged, {"new": "away"}))),
    "any decision": ('after_decision = "any"\nnth = 2', Moment(0.0, Happens(Decided, {}), 2)),
    "a decision": ('after_decision = "hold"', Moment(0.0, Happens(Decided, {"verdict": "hold"}))),
    "the beginning of a tool's call": (
        'after_tool_starts = "order"',
        Moment(0.0, Happens(ToolStarted, {"tool": "order"})),
    ),
    "the end of any": ('after_tool_ends = "any"', Moment(0.0, Happens(ToolSettled, {}))),
    "an event": ('after_event = "ToolStarted"', Moment(0.0, Happens(ToolStarted, {}))),
    "an event like this": (
        'after_event = { event = "Decided", where = { speech_s = 0.5 } }',
        Moment(0.0, Happens(Decided, {"speech_s": 0.5})),
    ),
}


@pytest.mark.parametrize(("text", "moment"), WRITTEN.values(), ids=WRITTEN)
def test_every_reaction_can_be_written(load: Load, text: str, moment: Moment) -> None:
    assert load(text).script[1].moment == moment


def test_a_written_reaction_happens_as_it_would_in_code(load: Load) -> None:
    scenario = load('after_agent_says = "two"\ndelay_s = 0.1\n[[expect]]\nturn = 1\nheard = "Your order is two"')
    call = scenario.run()
    assert scenario.check(call) == ()
    assert call.placed[1].start == heard(call)[3].stop + 1600


BAD = {
    "no words": ('after_agent_says = "..."', "after_agent_says: must hold a word"),
    "bad pattern": (
        'after_agent_says = { regex = "(" }',
        "after_agent_says.regex: is not a regular expression: ",
    ),
    "no number of words": ("after_agent_words = 0", "after_agent_words: must be at least 1, got 0"),
    "unknown state": ('after_state = "asleep"', "after_state: must be one of 'listening', 'processing', "),
    "unknown verdict": ('after_decision = "maybe"', "after_decision: must be one of 'confirm', 'dismiss', "),
    "unknown event": ('after_event = "Lunch"', "after_event.event: unknown event 'Lunch'"),
    "unknown field": (
        'after_event = { event = "Decided", where = { mood = 1 } }',
        "after_event.where.mood: unknown key; known here: sample, turn_id, ",
    ),
    "no event": ('after_event = { heard = "two" }', "after_event.event: is missing"),
    "negative delay": ('after_state = "away"\ndelay_s = -1', "delay_s: must not be negative, got -1"),
    "delay of a time": ("at_s = 1\ndelay_s = 1", "delay_s: means nothing beside at_s, which is a time itself"),
    "nth of words": ("after_agent_words = 1\nnth = 1", "nth: only means something beside one of after_state, "),
    "reply to a state": ('after_state = "away"\nreply = 1', "reply: only means something beside after_agent_starts_s"),
    "zeroth time": ('after_state = "away"\nnth = 0', "nth: counts from 1, got 0"),
    "zeroth reply": ("after_agent_words = 1\nreply = 0", "reply: counts from 1, got 0"),
    "two moments": ('after_state = "away"\nat_s = 1', ": must have exactly one of at_s, "),
}


@pytest.mark.parametrize(("text", "complaint"), BAD.values(), ids=BAD)
def test_a_reaction_that_makes_no_sense_is_refused(load: Load, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert f"call.scenario.toml: caller[1]{'' if complaint[0] == ':' else '.'}{complaint}" in str(caught.value)
