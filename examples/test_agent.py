"""How to test an agent: hold calls in virtual time, and compare. Run it with ``pytest examples/test_agent.py``."""

from turnscope import Agent, Completed, Interrupted, Rule, ScriptedLLM, simulate
from turnscope.sim import Call, FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, encode_words

waiter = Agent(
    vad=FakeVAD(),
    stt=FakeSTT(interim_latency_s=0.05, final_latency_s=0.1),
    llm=ScriptedLLM(
        [
            Rule("three", "Three lattes, then."),
            Rule("lattes", "Two lattes and a large mocha with oat milk. They will be ready in ten minutes."),
        ]
    ),
    tts=FakeTTS(words_per_s=3),
)


def says(words: str, moment: Moment) -> Play:
    audio, _ = encode_words(words)
    return Play(audio, moment)


def call_in_which_the_caller_says(words: str) -> Call:
    script: list[Step] = [
        says("two lattes and a mocha please", Moment(0.5)),
        says(words, Moment(1.5, "agent_starts")),
        HangUp(Moment(2.0, "quiet")),
    ]
    return simulate(waiter, script, seed=7)


def test_the_caller_can_change_the_order() -> None:
    call = call_in_which_the_caller_says("wait make that three")
    first, second = call.turns
    assert isinstance(first.outcome, Interrupted)
    assert first.outcome.heard == "Two lattes and a"
    assert first.latency.onset_to_yield_s == 0.05
    assert second.reply == ["Three lattes, then."]


def test_the_agent_goes_on_after_a_nod() -> None:
    call = call_in_which_the_caller_says("mm-hm")
    assert [type(turn.outcome) for turn in call.turns] == [Completed]
    assert [overlap.evidence for overlap in call.overlaps] == ["backchannel"]


def test_the_model_is_told_what_was_heard() -> None:
    call = call_in_which_the_caller_says("wait make that three")
    assert [message.text for message in call.history] == [
        "two lattes and a mocha please",
        "Two lattes and a",
        "wait make that three",
        "Three lattes, then.",
    ]
