"""Answers that are begun before the turn is over: what they save, what they cost, and that nobody notices them."""

import json
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.calls import AGENT, REPLY, agent, cough, heard_words, of_kind, speech
from tests.session.hostile import FAULTS, Hostile
from tests.session.test_spend import Counting, length
from tests.session.tooling import clerk, slow
from tests.session.watched import Watched
from turnscope.core import (
    AttemptCancelled,
    AttemptSpent,
    AttemptStarted,
    ClauseReady,
    Emit,
    Event,
    Failed,
    FirstToken,
    Floor,
    GateShut,
    Interrupted,
    Message,
    ProviderFailed,
    ProviderQuarantined,
    Speculation,
    SpeculationAdmitted,
    SpeculationDropped,
    SpeculationStarted,
    Spend,
    StateChanged,
    ToolCalled,
    ToolSettled,
    ToolStarted,
    TurnEnded,
    input_from_dict,
)
from turnscope.providers import Rule, ScriptedLLM
from turnscope.session import Session
from turnscope.sim import Call, FakeTTS, HangUp, Moment, Step, broken_promises, simulate

pytestmark = pytest.mark.feature(46)

ORDER: list[Step] = [speech("two lattes please.", 0.2), HangUp(Moment(1.0, "agent_stops"))]
GOES_ON: list[Step] = [
    speech("two lattes", 0.2),
    speech("and a tea please.", 0.6, "previous"),
    HangUp(Moment(1.0, "agent_stops")),
]
"""The pause is so long that the answer to the first words is guessed at, and so short that it is not begun."""

MISHEARD = Rule(when="^two$", reply="Two of what?")


def guessing(policy: Any = "discard", *, rules: dict[str, Any] | None = None, **parts: Any) -> Any:
    return agent(speculation=Speculation(policy=policy, **(rules or {})), **parts)


def response_s(call: Call) -> float:
    seconds = call.turns[0].latency.response_s
    assert seconds is not None
    return seconds


def drops(call: Call) -> list[str]:
    return [event.cause for event in of_kind(call, SpeculationDropped)]


# What it saves


def test_what_a_guess_saves_is_exactly_the_time_to_the_first_clause() -> None:
    plain, quick = simulate(AGENT, ORDER), simulate(guessing(), ORDER)
    assert broken_promises(quick) == []
    [thought] = of_kind(plain, ClauseReady)
    saved = thought.sample - of_kind(plain, AttemptStarted)[0].sample
    assert saved == 7600
    assert response_s(plain) == 1.415
    assert response_s(quick) == (1.415 * 16_000 - saved) / 16_000 == 0.94
    assert quick.turns[0].latency.end_of_turn_s == plain.turns[0].latency.end_of_turn_s


def test_what_a_guess_with_a_voice_saves_is_the_time_to_the_first_sample() -> None:
    plain, quick = simulate(AGENT, ORDER), simulate(guessing(rules={"synthesize": True}), ORDER)
    assert broken_promises(quick) == []
    assert plain.turns[0].latency.first_audio_s == 0.575
    assert response_s(quick) == (1.415 * 16_000 - 0.575 * 16_000) / 16_000 == 0.84
    assert quick.turns[0].latency.first_audio_s == 0.0
    assert heard_words(quick) == heard_words(plain) == "Your order is two lattes and it is ready soon"


def test_a_model_slower_than_the_pause_saves_as_much_as_the_guess_was_early() -> None:
    slow = ScriptedLLM([], fallback=REPLY, first_token_s=3.0)
    plain, quick = simulate(agent(llm=slow), ORDER), simulate(guessing(llm=slow), ORDER)
    [guess], [admitted] = of_kind(quick, SpeculationStarted), of_kind(quick, SpeculationAdmitted)
    early = admitted.sample - guess.sample
    assert early == 9280
    assert plain.turns[0].audio_started - quick.turns[0].audio_started == early  # type: ignore[operator]
    assert quick.turns[0].first_token == guess.sample + 3 * 16_000


# That nobody notices it


def test_a_guess_that_was_right_leaves_what_a_plain_answer_leaves() -> None:
    plain, quick = simulate(AGENT, ORDER), simulate(guessing(), ORDER)
    assert quick.history == plain.history
    assert quick.turns[0].outcome == plain.turns[0].outcome
    assert quick.spend.total == plain.spend.total
    assert quick.turns[0].attempts == 1


def test_a_guess_that_was_wrong_leaves_only_its_own_events_and_its_cost() -> None:
    plain, quick = simulate(AGENT, GOES_ON), simulate(guessing("always_use"), GOES_ON)
    assert broken_promises(quick) == []
    assert drops(quick) == ["user_speaking"]
    [wrong] = [event for event in of_kind(quick, AttemptSpent) if event.cause == "speculation_stale"]
    guess = of_kind(quick, SpeculationStarted)[0]
    mine = [wrong, *of_kind(quick, SpeculationStarted), *of_kind(quick, SpeculationDropped)]
    between = [e for e in quick.events if guess.sample <= e.sample <= wrong.sample and e not in mine]
    assert {e.sample for e in plain.events} >= {e.sample for e in between}
    assert quick.history == plain.history
    assert heard_words(quick) == heard_words(plain)
    assert [turn.outcome for turn in quick.turns] == [turn.outcome for turn in plain.turns]


def test_no_state_changes_while_a_guess_is_made() -> None:
    call = simulate(guessing(), ORDER)
    [guess], [admitted] = of_kind(call, SpeculationStarted), of_kind(call, SpeculationAdmitted)
    inside = [event for event in of_kind(call, StateChanged) if guess.sample <= event.sample < admitted.sample]
    assert inside == []
    assert of_kind(call, FirstToken)[0].sample == admitted.sample, "what happened before is told when it is admitted"


def test_history_holds_what_was_said_though_what_was_guessed_was_answered() -> None:
    llm = Watched(AGENT.llm)
    rules = {"while_speaking": True, "stable_s": 0.1}
    script: list[Step] = [speech("one two three four", 0.2), *ORDER[1:]]
    call = simulate(guessing("always_use", rules=rules, llm=llm), script)
    assert broken_promises(call) == []
    [(asked,)] = llm.asked
    assert asked[-1] == Message("user", "one two")
    assert call.history[0] == Message("user", "one two three four")
    assert of_kind(call, SpeculationAdmitted)[0].similarity == 0.5
    assert call.turns[0].text == "one two three four"


def test_an_answer_to_similar_words_is_used_and_one_to_others_is_not() -> None:
    rules = {"while_speaking": True, "stable_s": 0.1}
    for similarity, used in ((0.5, 1), (0.9, 2)):
        llm = Watched(AGENT.llm)
        call = simulate(guessing("use_if_similar", rules={**rules, "similarity": similarity}, llm=llm), ORDER)
        assert broken_promises(call) == []
        assert len(llm.asked) == used
        assert len(of_kind(call, SpeculationAdmitted)) == 1
        assert of_kind(call, SpeculationAdmitted)[0].attempt == used


# Never two at once


@pytest.mark.parametrize("synthesize", [False, True])
def test_a_wrong_guess_is_gone_before_the_next_answer_is_asked_for(synthesize: bool) -> None:
    tts = Watched(AGENT.tts)
    llm = Watched(AGENT.llm, closing_s=0.2, others=(tts,))
    rules = {"while_speaking": True, "stable_s": 0.1, "synthesize": synthesize}
    call = simulate(guessing(llm=llm, tts=tts, rules=rules), ORDER)
    assert broken_promises(call) == []
    assert len(llm.asked) == 2
    assert llm.open_before == [0, 0]
    assert llm.most_open == 1
    assert of_kind(call, SpeculationStarted)[1].sample >= of_kind(call, SpeculationDropped)[0].sample + 3200


def test_a_guess_waits_until_the_interrupted_turn_is_gone() -> None:
    llm = Watched(AGENT.llm, closing_s=0.8)
    script = [*ORDER[:1], speech("wait three.", 0.5, "agent_starts"), HangUp(Moment(0.5, "agent_stops", 2))]
    call = simulate(guessing(llm=llm), script)
    assert broken_promises(call) == []
    assert llm.most_open == 1


# What becomes of it


def test_an_admitted_guess_can_be_taken_back() -> None:
    script: list[Step] = [
        speech("two lattes", 0.2),
        speech("and a tea.", 1.0, "previous"),
        HangUp(Moment(1.0, "agent_stops")),
    ]
    call = simulate(guessing(tts=FakeTTS(first_audio_s=1.0)), script)
    assert broken_promises(call) == []
    assert len(of_kind(call, AttemptCancelled)) == 1
    assert [event.cause for event in of_kind(call, AttemptSpent)] == ["user_resumed", "completed"]
    assert call.turns[0].text == "two lattes and a tea"


def test_an_admitted_guess_can_be_interrupted() -> None:
    call = simulate(
        guessing(rules={"synthesize": True}),
        [*ORDER[:1], speech("wait three.", 1.0, "agent_starts"), HangUp(Moment(0.5, "agent_stops", 2))],
    )
    assert broken_promises(call) == []
    outcome = call.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    assert outcome.heard == "Your order is"
    assert set(call.spend.total.wasted) == {"interrupted"}


@pytest.mark.parametrize("synthesize", [False, True])
def test_a_caller_who_hangs_up_during_a_guess_hears_and_leaves_nothing(synthesize: bool) -> None:
    script: list[Step] = [*ORDER[:1], HangUp(Moment(0.6, "previous"))]
    call = simulate(guessing(rules={"synthesize": synthesize}), script)
    assert broken_promises(call) == []
    assert drops(call) == ["turn_ended"]
    assert (call.history, heard_words(call)) == ((), "")
    assert of_kind(call, GateShut) == []
    assert call.spend.total.wasted == {"speculation_stale": call.spend.total.spent}


def test_a_cough_in_the_pause_ends_a_guess_and_the_next_one_is_used() -> None:
    call = simulate(guessing(), [*ORDER[:1], cough(0.5, "previous"), *ORDER[1:]])
    assert broken_promises(call) == []
    assert drops(call) == ["user_speaking"]
    assert [event.attempt for event in of_kind(call, SpeculationAdmitted)] == [2]
    assert call.turns[0].text == "two lattes please"


@pytest.mark.parametrize("fault", ["raises", "raises_in_cleanup"])
@pytest.mark.parametrize("where", ["open", "item", "close"])
def test_a_provider_that_fails_at_a_guess_fails_no_turn(fault: str, where: str) -> None:
    call = simulate(guessing(llm=Hostile(AGENT.llm, fault, where)), ORDER)
    assert broken_promises(call) == []
    assert drops(call) == ["failed"]
    assert len(of_kind(call, ProviderFailed)) == 1
    assert [turn.outcome.kind for turn in call.turns if turn.outcome] == ["completed"]
    assert [event.cause for event in of_kind(call, AttemptSpent)] == ["failed", "completed"]
    assert heard_words(call) == "Your order is two lattes and it is ready soon"


def test_a_synthesizer_that_fails_at_a_guess_fails_no_turn() -> None:
    call = simulate(guessing(rules={"synthesize": True}, tts=Hostile(AGENT.tts, "raises")), ORDER)
    assert broken_promises(call) == []
    assert drops(call) == ["failed"]
    assert [turn.outcome.kind for turn in call.turns if turn.outcome] == ["completed"]


def test_a_provider_that_fails_after_its_guess_was_admitted_fails_the_turn() -> None:
    call = simulate(guessing(tts=Hostile(AGENT.tts, "raises")), ORDER)
    assert broken_promises(call) == []
    assert isinstance(call.turns[0].outcome, Failed)


def test_a_provider_that_hangs_at_a_guess_is_given_up_after_its_time() -> None:
    call = simulate(guessing(llm=Hostile(AGENT.llm, "never_comes_back"), provider_timeout_s=0.3), ORDER)
    assert broken_promises(call) == []
    assert drops(call) == ["failed"]
    assert [turn.outcome.kind for turn in call.turns if turn.outcome] == ["completed"]


def test_a_wrong_guess_that_shields_itself_is_waited_for_as_long_as_promised() -> None:
    llm = Hostile(AGENT.llm, "shields_for_ever")
    rules = {"while_speaking": True, "stable_s": 0.1}
    call = simulate(guessing(llm=llm, rules=rules), [*ORDER[:1], HangUp(Moment(4.0))])
    assert broken_promises(call) == []
    [dropped], [quarantined] = of_kind(call, SpeculationDropped), of_kind(call, ProviderQuarantined)
    [ended] = of_kind(call, TurnEnded)
    assert quarantined.sample == ended.sample == dropped.sample + 16_000
    assert (ended.joined, ended.blamed) == (False, llm.name)
    assert heard_words(call) == ""
    assert of_kind(call, AttemptSpent)[0].cause == "speculation_stale"


def test_a_wrong_guess_that_is_slow_to_close_delays_the_answer_and_no_more() -> None:
    llm = Watched(AGENT.llm, closing_s=0.9)
    call = simulate(guessing(llm=llm, rules={"while_speaking": True, "stable_s": 0.1, "max_tries": 1}), ORDER)
    assert broken_promises(call) == []
    [dropped], [started], [first] = (
        of_kind(call, SpeculationDropped),
        of_kind(call, AttemptStarted),
        of_kind(call, FirstToken),
    )
    assert first.sample - dropped.sample == round((0.9 + 0.2) * 16_000)
    assert started.sample < dropped.sample + 0.9 * 16_000
    assert [turn.outcome.kind for turn in call.turns if turn.outcome] == ["completed"]


# Tools


def test_a_guess_calls_no_tool_before_it_is_admitted() -> None:
    log: list[str] = []
    who = clerk(slow(0.5, log), speculation=Speculation(policy="discard"))
    call = simulate(who, ORDER)
    assert broken_promises(call) == []
    [admitted], [begun] = of_kind(call, SpeculationAdmitted), of_kind(call, ToolStarted)
    assert of_kind(call, SpeculationStarted)[0].sample < admitted.sample == begun.sample
    assert log == ["begun", "done"]
    assert heard_words(call) == "It is done with lattes"
    assert call.spend.total.all_wasted == Spend()


def test_a_guess_that_was_wrong_calls_no_tool_at_all() -> None:
    log: list[str] = []
    who = clerk(slow(0.5, log), speculation=Speculation(policy="always_use"))
    call = simulate(who, [speech("two lattes", 0.2), speech("and hello there.", 0.6, "previous"), HangUp(Moment(1.8))])
    assert broken_promises(call) == []
    assert drops(call)[0] == "user_speaking"
    tools = [event for event in call.events if isinstance(event, ToolCalled | ToolStarted | ToolSettled)]
    assert (tools, log) == ([], [])


# What it costs


def test_every_wrong_guess_is_in_the_ledger() -> None:
    llm, tts = Counting(ScriptedLLM([MISHEARD], fallback=REPLY, first_token_s=0.0)), Counting(AGENT.tts)
    rules = {"while_speaking": True, "stable_s": 0.05, "synthesize": True}
    call = simulate(guessing(llm=llm, tts=tts, rules=rules), [speech("two lattes please.", 0.2, pace=3), *ORDER[1:]])
    assert broken_promises(call) == []
    assert drops(call) == ["words_changed"] * 2
    ledger = call.spend.total
    assert ledger.used == Spend(3, 12, length(REPLY))
    assert set(ledger.wasted) == {"speculation_stale"}
    assert ledger.spent.output_tokens == llm.pieces
    assert ledger.spent.samples == tts.samples
    assert ledger.wasted["speculation_stale"].output_tokens == llm.pieces - 12 > 0
    assert ledger.wasted["speculation_stale"].samples == tts.samples - length(REPLY) > 0


def test_a_guess_writes_only_a_few_clauses_ahead() -> None:
    sentence = "This is one sentence of the whole long reply, and it is not short. "
    llm = Counting(ScriptedLLM([], fallback=sentence * 40, tokens_per_s=float("inf"), first_token_s=0.0))
    call = simulate(guessing(llm=llm), [*ORDER[:1], HangUp(Moment(0.7, "previous"))])
    assert drops(call) == ["turn_ended"]
    assert 4 * 16 < llm.pieces < 8 * 16


# Whatever happens

DECISIONS = (SpeculationStarted, SpeculationAdmitted, SpeculationDropped)

WORDS = st.sampled_from(["two lattes", "wait three", "mm-hm", "a tea and", "yes please."])
STEPS = st.lists(
    st.builds(
        speech,
        WORDS,
        st.floats(0.0, 2.0).map(lambda seconds: round(seconds, 2)),
        st.sampled_from(["previous", "previous", "agent_starts"]),
    ),
    min_size=1,
    max_size=5,
)
RULES = st.fixed_dictionaries(
    {
        "policy": st.sampled_from(["discard", "use_if_similar", "always_use"]),
        "while_speaking": st.booleans(),
        "synthesize": st.booleans(),
        "stable_s": st.sampled_from([0.0, 0.1, 0.3]),
        "max_tries": st.integers(1, 3),
    }
)


@settings(max_examples=40, deadline=None)
@given(STEPS, RULES, st.integers(0, 3))
def test_whatever_is_guessed_every_promise_holds_and_the_log_replays(
    steps: list[Step], rules: dict[str, Any], seed: int
) -> None:
    llm, tts = Counting(AGENT.llm), Counting(AGENT.tts)
    who = agent(speculation=Speculation(**rules), llm=llm, tts=tts)
    script = [speech("hello there", 0.2), *steps, HangUp(Moment(1.0, "previous"))]
    call = simulate(who, script, seed=seed, max_s=30, frame_s=0.04)
    assert broken_promises(call) == []
    total = call.spend.total
    assert total.spent == total.used + total.all_wasted
    assert (total.spent.output_tokens, total.spent.samples) == (llm.pieces, tts.samples)
    assert decisions(who, call) == [event for event in call.events if isinstance(event, DECISIONS)]


def decisions(who: Any, call: Call) -> list[Event]:
    """What another Floor decides about guesses when it is given the log of a call."""
    floor = Floor(who.floor_settings)
    logged = [data for data in map(json.loads, call.jsonl().splitlines()) if "input" in data]
    orders = [order for data in logged for order in floor.receive(input_from_dict(data))]
    emitted = [order.event for order in orders if isinstance(order, Emit)]
    return [event for event in emitted if isinstance(event, DECISIONS)]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("where", ["open", "item", "close"])
@pytest.mark.parametrize("kind", ["llm", "tts"])
def test_whatever_a_provider_does_to_guesses_the_conversation_goes_on(kind: str, where: str, fault: str) -> None:
    async def drive(session: Session) -> None:
        await trio.sleep(26)
        await session.send_text("wait")

    rules = {"while_speaking": True, "stable_s": 0.1, "synthesize": True}
    hostile = Hostile(getattr(AGENT, kind), fault, where)
    call = simulate(
        guessing(rules=rules, **{kind: hostile}), [*ORDER[:1], HangUp(Moment(33.0))], frame_s=0.04, drive=drive
    )
    assert broken_promises(call) == []
    assert [turn.text for turn in call.turns] == ["two lattes please", "wait"]
    endings = [turn.outcome.kind for turn in call.turns if turn.outcome]
    assert len(endings) == 2
    if kind == "llm":  # it meets the first guess, and that is a wrong one
        stays = fault.startswith("shields")
        assert endings == ["failed" if stays else "completed", "completed"]
