"""What holds in any conversation, as property tests: ``pytest examples/test_properties.py`` (needs Hypothesis)."""

from hypothesis import given
from hypothesis import strategies as st

from turnscope import Agent, Interrupted, Rule, ScriptedLLM
from turnscope.core import ToolSettled, ToolStarted
from turnscope.providers import ScriptedCall
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, broken_promises
from turnscope.testing import PlannedCall, Utterance, slow_tool
from turnscope.testing.strategies import call_settings, conversations, lines, scripts


def waiter() -> Agent:
    """The application's own agent, with fakes for what hears and speaks."""
    return Agent(
        vad=FakeVAD(),
        stt=FakeSTT(),
        llm=ScriptedLLM(
            [
                Rule("three|mocha", "Let me see.", calls=[ScriptedCall("order")]),
                Rule("", "It is ordered, and it is ready in ten minutes.", after="order"),
            ],
            fallback="What can I get you? We have lattes and mochas.",
        ),
        tts=FakeTTS(),
        tools=[slow_tool("order", takes_s=1.5, on_interruption="finish_keep")],
    )


@call_settings(max_examples=50)
@given(conversations(waiter, lines=lines()))
def test_no_promise_is_broken(conversation: PlannedCall) -> None:
    call = conversation.hold()
    assert not broken_promises(call)


@call_settings(max_examples=20)
@given(conversations(waiter, scripts=scripts(speech=st.sampled_from(["a mocha please", "wait (0.4) three", "no"]))))
def test_nothing_is_ordered_twice_at_once(conversation: PlannedCall) -> None:
    running: set[str] = set()
    for event in conversation.hold().events:
        if isinstance(event, ToolStarted):
            assert not running
            running.add(event.call_id)
        elif isinstance(event, ToolSettled):
            running.discard(event.call_id)


def test_who_cuts_in_with_an_order_is_answered() -> None:
    """A conversation that a property test has found and shown, as a test of its own."""
    conversation = PlannedCall(
        waiter,
        [
            Utterance("two").at(Moment(0.0)),
            Utterance("three please").at(Moment(0.5, "agent_starts")),
            HangUp(Moment(3.0, "quiet"), "phone"),
        ],
    )
    first, second = conversation.hold().turns
    assert isinstance(first.outcome, Interrupted)
    assert second.text == "three please"
    assert "".join(second.reply) == "Let me see. It is ordered, and it is ready in ten minutes."
