"""Conversations that Hypothesis draws: what is among them, what they shrink to, what they refuse."""

import importlib
import inspect
import sys
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any, get_args

import pytest
import trio
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from tests.session.calls import AGENT, REPLY, agent
from turnscope import Agent, ConfigError, Session, SessionClosed
from turnscope.core import BACKCHANNELS, ToolStarted
from turnscope.providers import Rule, ScriptedLLM, SpeechChunk, VoiceOptions
from turnscope.sim import (
    AgentSays,
    AgentWords,
    Call,
    FakeTTS,
    FaultKind,
    Faulty,
    HangUp,
    Happens,
    Play,
    Step,
    broken_promises,
    encode_words,
)
from turnscope.testing import Noise, PlannedCall, Recording, Simulate, Utterance
from turnscope.testing._writing import write
from turnscope.testing.strategies import (
    agents,
    backchannels,
    call_settings,
    conversations,
    coughs,
    fake_llms,
    fake_stts,
    fake_ttss,
    faulty,
    lines,
    moments,
    noises,
    scripts,
    utterances,
)

SAME = settings(database=None, derandomize=True, deadline=None)
SHRINK = settings(SAME, phases=(Phase.generate, Phase.shrink), max_examples=300)
DRAW = settings(SAME, phases=(Phase.generate,))
RECORDED = encode_words("two lattes")[0]


# Every promise


@pytest.mark.feature("X4")
@call_settings(max_examples=25)
@given(conversations(lines=lines()))
def test_fakes_of_any_speed_on_any_line_keep_every_promise(conversation: PlannedCall) -> None:
    assert broken_promises(conversation.hold()) == []


@call_settings(max_examples=25)
@given(conversation=conversations(AGENT))
def test_an_agent_keeps_every_promise_to_whoever_calls(simulate: Simulate, conversation: PlannedCall) -> None:
    conversation.hold(simulate)


@pytest.mark.feature("X4")
@call_settings(max_examples=25)
@given(
    conversations(
        agents(
            stt=faulty(fake_stts()),
            llm=faulty(fake_llms()),
            tts=faulty(fake_ttss(), ["partial", "hang", "raises_in_cleanup"]),
            provider_timeout_s=1.5,
        )
    )
)
def test_every_promise_is_kept_whatever_is_wrong_with_a_provider(conversation: PlannedCall) -> None:
    assert broken_promises(conversation.hold()) == []


ACTS: dict[str, Callable[[Session], Any]] = {
    "interrupt": lambda session: session.interrupt("clicked"),
    "interrupt speech": lambda session: session.interrupt_speech(),
    "say": lambda session: session.say("One moment please."),
    "say protected": lambda session: session.say("This call is recorded.", allow_interruptions=False),
    "announce": lambda session: session.say("We close now.", priority=1),
    "type": lambda session: session.send_text("three lattes"),
}

MOMENTS_S = st.sampled_from((0.1, 0.2, 0.5, 1.0, 1.5))

APPLICATIONS = st.tuples(*(st.none() | st.tuples(MOMENTS_S, st.sampled_from(sorted(ACTS))) for _ in range(4)))


def held_with(application: tuple[tuple[float, str] | None, ...], conversation: PlannedCall) -> Call:
    """The conversation, with an application that acts: so long after what it did before, it does this."""

    async def drive(session: Session) -> None:
        for after_s, act in (deed for deed in application if deed is not None):
            await trio.sleep(after_s)
            with suppress(SessionClosed):  # the call may be over by then
                done = ACTS[act](session)
                if inspect.isawaitable(done):
                    await done
        await trio.sleep_forever()

    return conversation.hold(drive=drive)


@pytest.mark.feature("X4")
@call_settings(max_examples=25)
@given(APPLICATIONS, conversations())
def test_every_promise_is_kept_whatever_the_application_does(
    application: tuple[tuple[float, str] | None, ...], conversation: PlannedCall
) -> None:
    assert broken_promises(held_with(application, conversation)) == []


@pytest.mark.slow
@call_settings(max_examples=3000)
@given(APPLICATIONS, conversations())
def test_every_promise_is_kept_whatever_the_application_does_in_thousands_of_conversations(
    application: tuple[tuple[float, str] | None, ...], conversation: PlannedCall
) -> None:
    assert broken_promises(held_with(application, conversation)) == []


@pytest.mark.slow
@call_settings(max_examples=3000)
@given(conversations(lines=lines()))
def test_every_promise_is_kept_in_thousands_of_conversations(conversation: PlannedCall) -> None:
    assert broken_promises(conversation.hold()) == []


# What is drawn


def drawn(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    found: list[Any] = []

    @settings(DRAW, max_examples=count)
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found


def test_drawn_calls_have_interruptions_nods_noises_and_hang_ups() -> None:
    calls: list[Call] = [conversation.hold() for conversation in drawn(conversations(AGENT), 60)]
    seen = Counter(turn.outcome.kind for call in calls for turn in call.turns if turn.outcome)
    seen += Counter(overlap.evidence for call in calls for overlap in call.overlaps)
    assert min(seen["completed"], seen["interrupted"]) >= 5, seen
    assert min(seen["hung_up"], seen["backchannel"], seen["no words"]) >= 1, seen
    assert all(len(call.user) <= 15.1 * 16_000 for call in calls), "but for the fade of the last word"


def test_drawn_scripts_have_everything_that_a_caller_can_do() -> None:
    steps: list[Step] = [step for script in drawn(scripts(), 200) for step in script]
    sounds = [step for step in steps if isinstance(step, Play)]
    words = [step for step in sounds if step.speech_start == 0]
    seen = Counter(
        {
            "barge-ins": sum(step.moment.anchor == "agent_starts" and step.name not in BACKCHANNELS for step in words),
            "after words": sum(isinstance(step.moment.anchor, AgentWords) for step in words),
            "nods": sum(step.name in BACKCHANNELS for step in words),
            "pauses": sum("(" in step.name for step in words),
            "noises": sum(step.speech_start is None for step in sounds),
            "others": sum(step.speaker == "other" for step in sounds),
            "hang-ups": sum(isinstance(step, HangUp) and step.speaker == "" for step in steps),
            "lonely": sum(len(script) == 2 for script in drawn(scripts(), 200)),
        }
    )
    assert min(seen.values()) >= 10, seen


def test_drawn_agents_differ_in_what_matters() -> None:
    parts = drawn(agents(), 60)
    assert {part.interruption.reaction for part in parts} == {"pause", "duck", "continue"}
    assert {part.speculation.policy for part in parts} == {"off", "discard", "use_if_similar", "always_use"}
    assert {len(part.tools) for part in parts} == {0, 1, 2}
    assert {tool.on_interruption for part in parts for tool in part.tools} == {
        "cancel",
        "finish_discard",
        "finish_keep",
        "detach",
    }


def test_drawn_faults_are_of_every_kind_and_can_be_written() -> None:
    kinds = get_args(FaultKind)
    parts = drawn(faulty(fake_ttss(), kinds), 300)
    faults = [fault for part in parts if isinstance(part, Faulty) for fault in part.faults]
    assert {fault.kind for fault in faults} == set(kinds)
    assert sum(isinstance(part, FakeTTS) for part in parts) >= 20
    assert all("FakeTTS(" in str(write(part)) for part in parts)


def test_drawn_models_call_the_tools_of_their_agents() -> None:
    held = [conversation.hold() for conversation in drawn(conversations(agents(max_tools=1)), 30)]
    assert any(isinstance(event, ToolStarted) for call in held for event in call.events)


def test_a_default_nod_is_a_backchannel_and_a_default_word_is_none() -> None:
    assert {nod.text for nod in drawn(backchannels(), 100)} <= BACKCHANNELS
    single = drawn(utterances(max_words=1), 100)
    assert not {utterance.text for utterance in single} & BACKCHANNELS


def test_noises_are_of_every_kind_and_coughs_are_short() -> None:
    assert len({noise.kind for noise in drawn(noises(), 200)}) >= 10
    short = drawn(coughs(), 100)
    assert {noise.kind for noise in short} == {"burst", "cough", "throat"}
    assert {noise.length_s for noise in short} <= {hundredth / 100 for hundredth in range(5, 41)}


def test_moments_can_be_counted_from_phrases_and_events() -> None:
    strategy = moments(("call",), max_after_s=0.5, phrases=["two lattes"], events=[ToolStarted])
    found = drawn(strategy, 50)
    for anchor in ("call", AgentSays("two lattes"), Happens(ToolStarted)):
        assert anchor in [moment.anchor for moment in found]
    assert max(moment.after_s for moment in found) <= 0.5


@pytest.mark.parametrize(
    ("speech", "name"),
    [
        (st.just("two (0.4) lattes"), "two (0.4) lattes"),
        (st.just(RECORDED), "recording"),
        (st.just(Recording(RECORDED, "order")), "order"),
        (st.just(Utterance("two lattes", words_per_s=2)), "two lattes"),
    ],
    ids=["text", "samples", "recording", "utterance"],
)
def test_what_is_said_can_be_texts_samples_and_recordings(speech: st.SearchStrategy[Any], name: str) -> None:
    steps = drawn(scripts(speech=speech, deeds=["barge_in"], hang_ups=False), 5)
    assert {step.name for script in steps for step in script if isinstance(step, Play)} == {name}


def test_a_script_has_as_many_steps_as_it_is_to_have() -> None:
    for least, most in ((0, 0), (0, 2), (1, 1), (3, 3), (2, 4)):
        strategy = scripts(least, most, hang_ups=False)
        assert all(least <= len(script) - 1 <= most for script in drawn(strategy, 50))
        for count in (least, most):
            find(strategy, partial(has_steps, count), settings=settings(DRAW, max_examples=1000))


def has_steps(count: int, script: list[Step]) -> bool:
    return len(script) - 1 == count


# What it shrinks to


def shop() -> Agent:
    return AGENT


@pytest.mark.feature("X1")
def test_a_word_that_must_not_be_remembered_is_found_and_is_all_that_is_said_in_the_code_that_is_shown() -> None:
    @call_settings(database=None, derandomize=True)
    @given(conversations(shop, scripts=scripts(max_steps=2), longest_s=8.0))
    def test(conversation: PlannedCall) -> None:
        assert not any("mocha" in message.text for message in conversation.hold().history)

    with pytest.raises(AssertionError) as caught:
        test()
    assert "".join(caught.value.__notes__).splitlines()[1:6] == [
        "    conversation=PlannedCall(",
        "        shop,",
        "        [Utterance('mocha').at(Moment(0.0)), HangUp(Moment(3.0, 'quiet'), 'phone')],",
        "        longest_s=8.0,",
        "    ),",
    ]


class LyingTTS(FakeTTS):
    """A voice that says of the words of each clause that they are over as soon as they begin."""

    @asynccontextmanager
    async def open_stream(self, text: str, options: VoiceOptions) -> AsyncGenerator[AsyncIterator[SpeechChunk]]:
        async with super().open_stream(text, options) as speech:
            yield _Lies(speech)


class _Lies:
    def __init__(self, speech: AsyncIterator[SpeechChunk]) -> None:
        self._speech = speech

    def __aiter__(self) -> AsyncIterator[SpeechChunk]:
        return self

    async def __anext__(self) -> SpeechChunk:
        chunk = await anext(self._speech)
        words = tuple(replace(word, start=word.start, stop=word.start + 1) for word in chunk.words)
        return SpeechChunk(chunk.samples, words)


def lying_agent() -> Any:
    """It says its first answer once, so that no other one has the words that were not heard."""
    return agent(tts=LyingTTS(), llm=ScriptedLLM([Rule("", REPLY, turn=1)], fallback="Fine."))


@pytest.mark.feature("X4")
def test_a_voice_that_lies_about_its_words_is_found_and_takes_one_word_over_its_answer() -> None:
    some = conversations(lying_agent, scripts=scripts(max_steps=4, deeds=["barge_in", "cough"]), longest_s=8.0)
    found = find(some, lambda planned: bool(broken_promises(planned.hold())), settings=SHRINK, random=Random(1))
    assert [len(step.name.split()) for step in found.script if isinstance(step, Play)] == [1, 1]
    assert len(found.script) == 3
    assert found.seed == 0


def test_settings_for_calls_have_no_deadline_and_explain_nothing_unless_they_are_to() -> None:
    given = call_settings(max_examples=7)
    assert (given.deadline, given.max_examples, Phase.explain in given.phases) == (None, 7, False)
    assert Phase.shrink in given.phases
    assert Phase.explain in call_settings(phases=tuple(Phase)).phases


# What it refuses

LOOSE: Any = importlib.import_module("turnscope.testing.strategies")
"""The same functions, to be called as those call them whose types nobody checks."""


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: LOOSE.utterances([]), "words must be a list of one or more, got []"),
        (lambda: LOOSE.utterances("two"), "words must be a list of one or more, got 'two'"),
        (lambda: LOOSE.utterances(["(0.4)"]), "words must be texts without pauses, got '(0.4)'"),
        (lambda: LOOSE.utterances(min_words=0), "min_words must be from 1 to max_words (4), got 0"),
        (lambda: LOOSE.utterances(max_words=0), "max_words must be at least 1, got 0"),
        (lambda: LOOSE.utterances(pauses_s=[-1]), "pauses_s must be at least 0, and finite, got -1"),
        (lambda: LOOSE.utterances(words_per_s=[0]), "words_per_s must be positive, and finite, got 0"),
        (lambda: LOOSE.backchannels([""]), "text must have a word, got ''"),
        (lambda: LOOSE.noises(["sneeze"]), "kinds must be of burst, bark, breath, "),
        (lambda: LOOSE.noises([]), "kinds must be a list of one or more, got []"),
        (lambda: LOOSE.coughs(min_s=0), "min_s must be at least 0.01, and finite, got 0"),
        (lambda: LOOSE.coughs(min_s=2), "max_s must be at least 2, and finite, got 0.4"),
        (lambda: LOOSE.moments(["noon"]), "anchors must be of call, previous, "),
        (lambda: LOOSE.moments(max_after_s=float("inf")), "max_after_s must be at least 0, and finite, got inf"),
        (lambda: LOOSE.moments(events=["ToolStarted"]), "events must be classes of events, got 'ToolStarted'"),
        (lambda: LOOSE.scripts(3, 2), "min_steps must be from 0 to max_steps (2), got 3"),
        (lambda: LOOSE.scripts(deeds=["sing"]), "deeds must be of speak, barge_in, nod, cough, talk_over; got 'sing'"),
        (
            lambda: LOOSE.scripts(speech=["two"]),
            "speech must be a strategy of Hypothesis, got list: st.sampled_from(speech)",
        ),
        (lambda: LOOSE.fake_llms([]), "replies must be a list of one or more, got []"),
        (lambda: LOOSE.faulty(FakeTTS()), "providers must be a strategy of Hypothesis, got FakeTTS"),
        (lambda: LOOSE.faulty(fake_ttss(), ["late", "never"]), "kinds must be of error, hang, late, "),
        (lambda: LOOSE.slow_tools("a tool"), "name of a tool must be 1 to 64 letters, digits, _ or -; got 'a tool'"),
        (lambda: LOOSE.agents(max_tools=-1), "max_tools must be 0 or more, got -1"),
        (lambda: LOOSE.agents(volume=3), "settings: Agent.__init__() got an unexpected keyword argument 'volume'"),
        (lambda: LOOSE.agents(tts=FakeTTS()), "tts must be a strategy of Hypothesis, got FakeTTS"),
        (lambda: LOOSE.lines(codecs=["mp3"]), "codecs must be of mulaw and None; got 'mp3'"),
        (lambda: LOOSE.lines(codecs=[]), "codecs must be a list of one or more, got none"),
        (lambda: LOOSE.lines(max_loss=0.9), "max_loss must be from 0 to 0.5, got 0.9"),
        (
            lambda: LOOSE.conversations("agent"),
            "agent must be an Agent, a function that makes one, or a strat",
        ),
        (lambda: LOOSE.conversations(longest_s=0), "longest_s must be at least 0.1, and finite, got 0"),
        (lambda: LOOSE.conversations(scripts=LOOSE.scripts), "scripts must be a strategy of Hypothesis, got function"),
    ],
)
def test_an_argument_that_is_wrong_is_named_at_once(wrong: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        wrong()
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("wrong", [3, Noise], ids=["number", "class"])
def test_speech_that_is_none_is_refused_when_it_is_drawn(wrong: object) -> None:
    with pytest.raises(ConfigError, match="speech must be texts, samples, or sounds"):
        drawn(scripts(speech=st.just(wrong)), 1)  # type: ignore[arg-type]


def test_without_hypothesis_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("turnscope.testing.strategies")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(ConfigError, match=r'Hypothesis is not installed: pip install "turnscope\[hypothesis\]"'):
        importlib.import_module("turnscope.testing.strategies")
