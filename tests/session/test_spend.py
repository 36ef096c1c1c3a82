"""What answers cost and what of it was thrown away: the sums match what the script says, whatever happens."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.calls import AGENT, REPLY, agent, barge_in, heard_words, of_kind, speech, wait_for_event
from tests.session.hostile import Hostile
from turnscope.core import AttemptCancelled, AttemptSpent, Interrupted, SpeechStartsPlaying, Spend
from turnscope.providers import Resources, ScriptedLLM, SpeechChunk, TextDelta, Usage
from turnscope.session import Session
from turnscope.sim import Call, FakeTTS, HangUp, Moment, Step, broken_promises, encode_words, simulate

pytestmark = pytest.mark.feature("X12")

FADE = 800
"""Samples of the fade, which is not counted as played."""

REPLY_TOKENS = 12
"""``Your order is two lattes , and it is ready soon .``"""


def length(text: str) -> int:
    """Samples of `text` when `FakeTTS` speaks."""
    return len(encode_words(text)[0])


def test_what_was_heard_to_its_end_was_used() -> None:
    call = simulate(AGENT, [speech("two lattes please.", 0.2), HangUp(Moment(1.0, "agent_stops"))])
    [paid] = of_kind(call, AttemptSpent)
    assert (paid.cause, paid.estimated) == ("completed", False)
    assert call.spend.total.spent == Spend(3, REPLY_TOKENS, length(REPLY))
    assert call.spend.total.used == call.spend.total.spent
    assert call.spend.total.wasted == {}
    assert call.spend.turns[1] == call.spend.total
    assert broken_promises(call) == []


def test_what_was_generated_and_not_heard_is_wasted_by_the_interruption() -> None:
    call = simulate(AGENT, barge_in())
    outcome, started = call.turns[0].outcome, call.turns[0].audio_started
    assert isinstance(outcome, Interrupted)
    assert outcome.silence is not None
    assert started is not None
    assert (outcome.heard, outcome.unheard) == ("Your order is", "two lattes, and it is ready soon.")
    first, second = call.spend.turns[1], call.spend.turns[2]
    played = of_kind(call, AttemptSpent)[0].played_samples
    assert played == outcome.silence - started - FADE
    assert first.spent == Spend(3, REPLY_TOKENS, length(REPLY))
    assert first.used == Spend(3, round(REPLY_TOKENS * len("Your order is") / len(REPLY)), played)
    assert first.wasted == {"interrupted": first.spent - first.used}
    assert second.used == second.spent == Spend(3 + 3 + 2, 4, length("Fine, three."))
    assert call.spend.total.spent == first.spent + second.spent
    assert broken_promises(call) == []


def test_an_answer_that_is_taken_back_is_all_wasted_and_its_tokens_are_estimated() -> None:
    script: list[Step] = [
        speech("two lattes", 0.2),
        speech("and a tea please.", 1.6),
        HangUp(Moment(1.0, "agent_stops")),
    ]
    llm = ScriptedLLM([], fallback=REPLY, tokens_per_s=20, first_token_s=0.1)
    call = simulate(agent(llm=llm, tts=FakeTTS(first_audio_s=2.0)), script)
    assert len(of_kind(call, AttemptCancelled)) == 1
    taken_back, answer = of_kind(call, AttemptSpent)
    assert (taken_back.cause, taken_back.estimated) == ("user_resumed", True)
    assert (answer.cause, answer.estimated) == ("completed", False)
    assert taken_back.input_tokens == -(-len("two lattes") // 4)
    assert 0 < taken_back.output_tokens < REPLY_TOKENS
    assert call.spend.total.wasted == {"user_resumed": Spend(taken_back.input_tokens, taken_back.output_tokens, 0)}
    assert broken_promises(call) == []


def test_text_that_is_only_displayed_was_used_and_its_speech_was_not() -> None:
    async def drive(session: Session) -> None:
        await wait_for_event(session, lambda event: isinstance(event, SpeechStartsPlaying))
        await trio.sleep(1.0)
        session.interrupt_speech("client_request")

    script: list[Step] = [speech("two lattes please.", 0.2), HangUp(Moment(9.0))]
    reply = f"Good, I have written that down for you. {REPLY}"
    call = simulate(agent(llm=ScriptedLLM([], fallback=reply, tokens_per_s=5)), script, drive=drive)
    [paid] = of_kind(call, AttemptSpent)
    assert (paid.cause, paid.estimated) == ("interrupted", False)
    assert paid.used_output_tokens == paid.output_tokens == 10 + REPLY_TOKENS
    assert call.spend.total.wasted == {"interrupted": Spend(samples=paid.synthesized_samples - paid.played_samples)}
    assert paid.synthesized_samples > paid.played_samples > 0
    assert broken_promises(call) == []


@pytest.mark.parametrize("where", ["open", "item", "close"])
def test_what_a_failure_leaves_unheard_is_wasted_by_it(where: str) -> None:
    call = simulate(
        agent(tts=Hostile(AGENT.tts, "raises", where)), [speech("two lattes please.", 0.2), HangUp(Moment(6.0))]
    )
    [paid] = of_kind(call, AttemptSpent)
    assert paid.cause == "failed"
    assert set(call.spend.total.wasted) == {"failed"}
    assert broken_promises(call) == []


def test_an_answer_whose_provider_does_not_stop_is_paid_for_once() -> None:
    llm = Hostile(AGENT.llm, "shields_for_a_while")
    call = simulate(agent(llm=llm), [speech("two lattes", 0.2), speech("and a tea.", 1.6), HangUp(Moment(9.0))])
    [paid] = of_kind(call, AttemptSpent)
    assert (paid.cause, paid.output_tokens, paid.estimated) == ("user_resumed", 0, True)
    assert broken_promises(call) == []


def test_tokens_of_a_provider_that_does_not_count_are_estimated() -> None:
    silent = Counting(AGENT.llm, hide_usage=True)
    call = simulate(agent(llm=silent), [speech("two lattes please.", 0.2), HangUp(Moment(1.0, "agent_stops"))])
    [paid] = of_kind(call, AttemptSpent)
    assert paid.estimated
    assert paid.output_tokens == silent.pieces == REPLY_TOKENS
    assert paid.input_tokens == -(-len("two lattes please") // 4)


class Counting:
    """A provider like `inner` that counts what it has given, by itself."""

    def __init__(self, inner: Any, *, hide_usage: bool = False) -> None:
        self._inner = inner
        self.hide_usage = hide_usage
        self.name = inner.name
        self.output_hz = 16_000
        self.requests = self.pieces = self.samples = 0

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator["Counting"]:
        async with self._inner.connect(resources) as self._connection:
            yield self

    @asynccontextmanager
    async def open_stream(self, *arguments: Any) -> AsyncGenerator[Any]:
        self.requests += 1
        async with self._connection.open_stream(*arguments) as stream:
            yield _Counted(self, stream)

    def count(self, item: object) -> None:
        self.pieces += isinstance(item, TextDelta)
        self.samples += len(item.samples) if isinstance(item, SpeechChunk) else 0


class _Counted:
    def __init__(self, provider: Counting, items: Any) -> None:
        self._provider = provider
        self._items = aiter(items)

    def __aiter__(self) -> "_Counted":
        return self

    async def __anext__(self) -> Any:
        item = await anext(self._items)
        if isinstance(item, Usage) and self._provider.hide_usage:
            raise StopAsyncIteration  # it comes last
        self._provider.count(item)
        return item


WORDS = st.sampled_from(["two lattes", "wait three", "mm-hm", "a tea and", "yes please."])
ANCHORS = st.sampled_from(["previous", "previous", "agent_starts"])
STEPS = st.lists(
    st.builds(speech, WORDS, st.floats(0.0, 2.0).map(lambda s: round(s, 2)), ANCHORS), min_size=1, max_size=5
)


def script_of(steps: list[Step], hang_up_s: float) -> list[Step]:
    return [speech("hello there", 0.2), *steps, HangUp(Moment(hang_up_s, "previous"))]


def spent_by_the_providers(steps: list[Step], hang_up_s: float, **changes: Any) -> tuple[Call, Spend]:
    llm, tts = Counting(AGENT.llm), Counting(AGENT.tts)
    call = simulate(agent(llm=llm, tts=tts, **changes), script_of(steps, hang_up_s), seed=2, max_s=30, frame_s=0.04)
    return call, Spend(0, llm.pieces, tts.samples)


def test_a_word_that_a_pause_cut_may_be_heard_twice() -> None:
    steps: list[Step] = [speech("mm-hm", 0.56, "agent_starts"), speech("two lattes", 1.0, "previous")]
    call, _ = spent_by_the_providers(steps, 0.0, echo_guard=False)
    assert heard_words(call).startswith("Your order order is")
    assert broken_promises(call) == []


@settings(max_examples=25, deadline=None)
@given(STEPS, st.floats(0.0, 3.0))
def test_whatever_is_said_what_was_spent_is_what_was_given_and_was_used_or_wasted(
    steps: list[Step], hang_up_s: float
) -> None:
    call, given_out = spent_by_the_providers(steps, hang_up_s)
    total = call.spend.total
    assert broken_promises(call) == []
    assert total.spent == total.used + total.all_wasted
    assert (total.spent.output_tokens, total.spent.samples) == (given_out.output_tokens, given_out.samples)
    assert total.used.samples <= len(call.agent)
