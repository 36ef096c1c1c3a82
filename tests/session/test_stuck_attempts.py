"""An attempt that does not stop is waited for as long as promised, and the one to blame is named."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from tests.session.calls import AGENT, agent, of_kind, speech
from tests.session.hostile import Hostile
from turnscope.core import AttemptCancelled, Failed, FirstToken, GateShut, Message, ProviderFailed, TurnEnded
from turnscope.providers import LLMItem, Resources, TextDelta, ToolSpec
from turnscope.sim import HangUp, Moment, Step, broken_promises, simulate


def test_an_answer_that_is_taken_back_and_shields_itself_fails_its_turn_after_the_join_deadline() -> None:
    llm = Hostile(AGENT.llm, "shields_for_ever")
    script: list[Step] = [speech("two lattes", 0.2), speech("and a tea please.", 1.6), HangUp(Moment(9.0))]
    call = simulate(agent(llm=llm), script)
    cancelled = of_kind(call, AttemptCancelled)[0]
    [ended] = [event for event in of_kind(call, TurnEnded) if event.turn_id == cancelled.turn_id]
    assert ended.sample - cancelled.sample == 16_000
    assert not ended.joined
    assert ended.blamed == llm.name
    assert isinstance(ended.outcome, Failed)
    assert ended.outcome.provider == llm.name
    assert broken_promises(call) == []


class FailsWhileSpeaking:
    """Says a sentence, and breaks while it is being spoken."""

    name = "breaks"

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator["FailsWhileSpeaking"]:
        yield self

    @asynccontextmanager
    async def open_stream(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[AsyncIterator[LLMItem]]:
        yield _Breaking()


class _Breaking:
    def __init__(self) -> None:
        self._given = False

    def __aiter__(self) -> AsyncIterator[LLMItem]:
        return self

    async def __anext__(self) -> LLMItem:
        if not self._given:
            self._given = True
            return TextDelta("One two three four five six seven eight nine ten. Eleven twelve thirteen ")
        await trio.sleep(1.5)
        raise OSError("the wire is cut")


def test_a_failure_is_told_at_once_though_another_part_of_the_answer_shields_itself() -> None:
    tts = Hostile(AGENT.tts, "shields_for_ever", "close")
    call = simulate(agent(llm=FailsWhileSpeaking(), tts=tts), [speech("two lattes.", 0.2), HangUp(Moment(12.0))])
    [failed] = [event for event in of_kind(call, ProviderFailed) if event.provider == "breaks"]
    [first] = of_kind(call, FirstToken)
    [shut] = of_kind(call, GateShut)
    [ended] = of_kind(call, TurnEnded)
    assert failed.sample == first.sample + 24_000
    assert shut.sample == failed.sample
    assert ended.sample - failed.sample <= 16_000
    assert isinstance(ended.outcome, Failed)
    assert (ended.outcome.provider, ended.outcome.message) == ("breaks", "OSError: the wire is cut")
    assert broken_promises(call) == []
