"""What is remembered as heard never exceeds what was played, whatever happens: proof by random calls.

The fakes speak word code, so the agent's track itself says which words can be heard on it to their end, and where.
"""

import string
from dataclasses import dataclass
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.session.calls import agent, cough, of_kind, speech
from turnscope.core import GateShut, HistoryChanged, Interrupted, InterruptionSettings, Message, Outcome, WordsHeard
from turnscope.providers import ScriptedLLM
from turnscope.session import Session
from turnscope.sim import Call, FakeTTS, HangUp, Moment, Step, broken_promises, read_words, simulate

COUNT = [f"{one}{two}word" for one in string.ascii_lowercase[:3] for two in string.ascii_lowercase[:6]]
"""Words that are all different, so that a word on the track is one word of the reply; at any of the paces below, no
slower than is assumed of a voice that nothing is known of."""


@dataclass(frozen=True)
class Plan:
    """One random call: a reply, the voice that speaks it, and what happens meanwhile."""

    reply: str
    timings: bool
    words_per_s: float
    real_time_factor: float
    fade_s: float
    reaction: Any
    caller: tuple[tuple[str, float], ...]
    application: tuple[tuple[str, float], ...]
    seed: int

    def script(self) -> list[Step]:
        steps: list[Step] = [speech("tell me.", 0.2)]
        for deed, after_s in self.caller:
            moment = (after_s, "agent_starts") if len(steps) == 1 else (after_s, "previous")
            steps.append(cough(*moment, length_s=0.1) if deed == "cough" else speech(deed, *moment))
        return [*steps, HangUp(Moment(12))]

    async def drive(self, session: Session) -> None:
        await trio.sleep(1.4)  # about when the agent starts
        for deed, after_s in self.application:
            await trio.sleep(after_s)
            match deed:
                case "interrupt":
                    session.interrupt()
                case "interrupt speech":
                    session.interrupt_speech()
                case "say":
                    await session.say("Za zb zc.")
                case "type":
                    await session.send_text("more")

    def hold(self) -> Call:
        return simulate(
            agent(
                llm=ScriptedLLM([], fallback=self.reply, tokens_per_s=40),
                tts=FakeTTS(0.05, self.words_per_s, self.real_time_factor, timings=self.timings),
                interruption=InterruptionSettings(reaction=self.reaction, fade_s=self.fade_s),
            ),
            self.script(),
            seed=self.seed,
            drive=self.drive,
        )


MARKS = st.sampled_from(["", "", "", ",", ".", "!", "…"])
REPLIES = st.lists(MARKS, min_size=3, max_size=len(COUNT)).map(
    lambda marks: " ".join(f"{word}{mark}" for word, mark in zip(COUNT, marks, strict=False)) + "."
)
PAUSES_S = st.integers(0, 1500).map(lambda ms: ms / 1000)
PLANS = st.builds(
    Plan,
    reply=REPLIES,
    timings=st.booleans(),
    words_per_s=st.sampled_from([2.0, 3.0, 5.0]),
    real_time_factor=st.sampled_from([0.0, 0.1, 0.9, 1.3]),
    fade_s=st.sampled_from([0.0, 0.02, 0.05, 0.1]),
    reaction=st.sampled_from(["pause", "duck", "continue"]),
    caller=st.lists(st.tuples(st.sampled_from(["cough", "mm-hm", "stop that now"]), PAUSES_S), max_size=3).map(tuple),
    application=st.lists(
        st.tuples(st.sampled_from(["interrupt", "interrupt speech", "say", "type"]), PAUSES_S), max_size=2
    ).map(tuple),
    seed=st.integers(0, 3),
)


def bare(text: str) -> list[str]:
    """The words of a text without marks."""
    return [word for word in (token.strip(string.punctuation + "…") for token in text.lower().split()) if word]


def played(call: Call, start: int, stop: int) -> list[str]:
    """The words that the track holds to their end in a stretch, each once: one that was resumed counts at the end."""
    words = [word.lower() for word, _ in read_words(call.agent[:stop], start)]
    return [word for index, word in enumerate(words) if word not in words[index + 1 :]]


def check(plan: Plan) -> None:
    call = plan.hold()
    assert broken_promises(call) == []
    committed: dict[int, Message] = {}
    for event in of_kind(call, HistoryChanged):
        for message in event.messages:
            if message.role == "assistant" and event.turn_id is not None:
                committed[event.turn_id] = message
    shut = {event.turn_id: event for event in of_kind(call, GateShut)}
    for turn in call.turns:
        said = committed.get(turn.turn_id, Message("assistant", ""))
        assert said.text == heard_of(turn.outcome)
        if turn.audio_started is None:
            assert said.text == "", "nothing played is nothing heard"
            continue
        gate = shut.get(turn.turn_id)
        stop = len(call.agent) if gate is None else max(gate.silence or 0, gate.last_sent or 0)
        later = [other.audio_started for other in call.turns if (other.audio_started or 0) > turn.audio_started]
        on_track = played(call, turn.audio_started, min([stop, *(at for at in later if at)]))
        words = bare(said.text)
        if plan.timings:
            assert words == on_track[: len(words)]
            assert len(on_track) <= len(words) + 1, "at most the word that is complete in the fade goes unremembered"
        else:
            assert set(words[:-1]) <= set(on_track)  # not in its order: a wrong estimate can take it back by two words
            assert len(words) <= len(on_track) + 1
    check_ledger(call, exact=plan.timings)


def heard_of(outcome: Outcome | None) -> str:
    return getattr(outcome, "heard", "")


def check_ledger(call: Call, *, exact: bool) -> None:
    """Each word that counts as heard ends before the gate shut, and where the ledger says."""
    ends = {stop: word.lower() for word, stop in read_words(call.agent)}
    shut = {event.turn_id: event for event in of_kind(call, GateShut)}
    for event in of_kind(call, WordsHeard):
        gate = shut.get(event.turn_id)
        for word in event.words:
            assert gate is None or gate.last_sent is None or word.stop <= gate.last_sent
            assert not exact or ends.get(word.stop) == word.text.lower()


FAST = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink a call takes minutes, and it is short anyway
)


TAKEN_BACK_TOO_FAR = Plan(
    reply="aaword abword acword, adword! aeword afword….",
    timings=False,
    words_per_s=5.0,
    real_time_factor=1.3,
    fade_s=0.02,
    reaction="pause",
    caller=(("mm-hm", 0.326), ("mm-hm", 0.326), ("stop that now", 0.098)),
    application=(("say", 0.26),),
    seed=3,
)


@pytest.mark.feature(50, "X4")
@FAST
@given(PLANS)
@example(TAKEN_BACK_TOO_FAR)
def test_committed_text_never_exceeds_played_samples(plan: Plan) -> None:
    check(plan)


@pytest.mark.slow
@pytest.mark.feature("X4")
@settings(FAST, max_examples=2000)
@given(PLANS)
def test_committed_text_never_exceeds_played_samples_in_thousands_of_calls(plan: Plan) -> None:
    check(plan)


@pytest.mark.feature("X4")
def test_the_random_calls_have_partial_replies_of_every_kind() -> None:
    """Otherwise they would prove nothing."""
    base = Plan(" ".join(COUNT) + ".", True, 3.0, 0.1, 0.05, "pause", (("stop that now", 0.9),), (), 0)
    outcome = base.hold().turns[0].outcome
    assert isinstance(outcome, Interrupted)
    assert bare(outcome.heard)
    assert bare(outcome.unheard)
