"""What is heard while an answer is late: words or a sound, cut off like speech, remembered by nobody."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
import trio

from tests.session.calls import REPLY, agent, cough, heard_words, of_kind, speech, wait_for_event
from tests.session.live_call import LiveCall
from tests.session.test_clear import Watched as Transport
from tests.session.tooling import clerk, slow
from tests.session.watched import Watched
from turnscope._errors import ConfigError
from turnscope.core import (
    CLOCK_HZ,
    AnswerHeld,
    AttemptCancelled,
    AttemptSpent,
    AttemptStarted,
    AudioFinished,
    Completed,
    Decided,
    Failed,
    FalseInterruption,
    Filler,
    FillerBegins,
    FillerEnds,
    GateShut,
    Interrupted,
    InterruptionSettings,
    ProviderFailed,
    Resumed,
    SpeechComplete,
    SpeechStartsPlaying,
    ThinkingSound,
    TurnEnded,
    Yielded,
    db_to_gain,
    soft_tones,
)
from turnscope.providers import Rule, ScriptedLLM, SpeechChunk, VoiceOptions
from turnscope.session import Agent, Session, open_session
from turnscope.sim import Call, FakeTTS, HangUp, Moment, Step, broken_promises, encode_words, simulate

WORDS = Filler(texts=["One moment please.", "Let me see."], after_s=1.0)
SOUND = ThinkingSound(after_s=1.0)
MADE_S = 0.1
"""How long `FakeTTS` takes to begin; what it makes here takes no longer."""


def thinker(seconds: float, filler: Filler | ThinkingSound | None = WORDS, **changes: Any) -> Agent:
    """An agent whose model writes nothing for so long."""
    llm = ScriptedLLM([Rule("tea", "Tea it is.")], fallback=REPLY, first_token_s=seconds, tokens_per_s=100)
    parts: dict[str, Any] = {"llm": llm, "tts": FakeTTS(real_time_factor=0), "filler": filler}
    return agent(**parts | changes)


def held(who: Agent, *steps: Step, max_s: float = 30.0, **how: Any) -> Call:
    """The caller asks for two lattes, and does what `steps` say."""
    call = simulate(who, [speech("two lattes please.", 0.2), *steps, HangUp(Moment(max_s))], seed=1, **how)
    assert broken_promises(call) == []
    return call


def begun(call: Call) -> int:
    """When the first answer was begun."""
    return of_kind(call, AttemptStarted)[0].sample


def s(seconds: float) -> int:
    return round(seconds * CLOCK_HZ)


def length(text: str) -> int:
    return len(encode_words(text)[0])


# Words


def test_words_are_said_when_the_answer_is_late_and_the_answer_follows_without_a_gap() -> None:
    call = held(thinker(1.5))
    [began], [ended], [answer] = (
        of_kind(call, FillerBegins),
        of_kind(call, FillerEnds),
        of_kind(call, SpeechStartsPlaying),
    )
    assert began.text == "One moment please."
    assert began.sample == begun(call) + s(1.0 + MADE_S)
    assert ended.sample == answer.sample == began.sample + length(began.text)
    assert ended.cause == "played"
    assert heard_words(call, began.sample, ended.sample) == "One moment please"
    assert heard_words(call, answer.sample) == REPLY.replace(",", "").rstrip(".")


def test_they_are_no_part_of_the_answer() -> None:
    call, plain = held(thinker(1.5)), held(thinker(1.5, None))
    assert call.history == plain.history
    assert call.turns[0].outcome == Completed(REPLY)
    assert call.turns[0].reply == plain.turns[0].reply
    first_audio_s = call.turns[0].latency.first_audio_s
    assert first_audio_s is not None
    assert s(first_audio_s) == s(1.0 + MADE_S) + length("One moment please."), "the first audio is the answer's"


def test_texts_are_said_in_turn() -> None:
    call = held(thinker(1.5), speech("and a tea", 8), speech("and a latte", 16))
    assert [event.text for event in of_kind(call, FillerBegins)] == [
        "One moment please.",
        "Let me see.",
        "One moment please.",
    ]


def test_an_answer_that_is_not_late_is_not_waited_for_aloud() -> None:
    call = held(thinker(0.5))
    assert of_kind(call, FillerBegins) == []
    assert call.spend.total.spent.samples == length(REPLY)


def test_words_that_are_not_made_when_the_answer_comes_are_not_said() -> None:
    tts = FakeTTS(first_audio_s=0.4, real_time_factor=0)
    call = held(thinker(0.8, tts=tts))
    assert of_kind(call, FillerBegins) == []
    assert call.turns[0].outcome == Completed(REPLY)
    assert call.turns[0].latency.first_audio_s == held(thinker(0.8, None, tts=tts)).turns[0].latency.first_audio_s


def test_only_one_is_said_in_one_wait() -> None:
    call = held(thinker(8.0))
    assert len(of_kind(call, FillerBegins)) == 1


def test_what_it_cost_is_counted_apart() -> None:
    call = held(thinker(1.5))
    [paid] = of_kind(call, AttemptSpent)
    assert (paid.synthesized_samples, paid.played_samples) == (length(REPLY), length(REPLY))
    assert paid.filler_samples == paid.played_filler_samples == length("One moment please.")
    assert call.spend.total.used.samples == call.spend.total.spent.samples == length(REPLY) + paid.filler_samples


def test_words_that_were_cut_off_are_wasted_as_a_filler() -> None:
    call = held(thinker(9.0), speech("wait three.", 0.5, "agent_starts"))
    lost = call.spend.total.wasted["filler"].samples
    paid = of_kind(call, AttemptSpent)[0]
    assert lost == paid.filler_samples - paid.played_filler_samples > 0


def test_what_the_application_says_by_itself_is_not_filled() -> None:
    async def drive(session: Session) -> None:
        await session.say("Hello there.")
        await session.generate_reply(instructions="Greet them.")
        await session.generate_reply(user_text="two lattes")

    call = simulate(thinker(3.0, tts=FakeTTS(first_audio_s=2.0)), [HangUp(Moment(30))], seed=1, drive=drive)
    assert [event.turn_id for event in of_kind(call, FillerBegins)] == [3], "only that somebody has asked for"


class Broken(FakeTTS):
    """Breaks where it is to say something of a filler."""

    @asynccontextmanager
    async def open_stream(self, text: str, options: VoiceOptions) -> AsyncGenerator[AsyncIterator[SpeechChunk]]:
        if "moment" in text:
            raise OSError("no such words")
        async with super().open_stream(text, options) as chunks:
            yield chunks


def test_words_that_cannot_be_made_do_no_harm() -> None:
    call = held(thinker(2.0, tts=Broken(real_time_factor=0)))
    [failed] = of_kind(call, ProviderFailed)
    assert failed.message == "OSError: no such words"
    assert failed.sample == begun(call) + s(1.0)
    assert of_kind(call, FillerBegins) == []
    assert call.turns[0].outcome == Completed(REPLY)


def test_the_deadline_of_the_answer_stands() -> None:
    call = held(thinker(60.0, SOUND, answer_timeout_s=5.0, provider_timeout_s=50.0))
    [ended] = of_kind(call, TurnEnded)
    assert isinstance(ended.outcome, Failed)
    assert ended.outcome.message == "gave no audio within 5 s"
    [filler], [shut] = of_kind(call, FillerEnds), of_kind(call, GateShut)
    assert filler.sample == shut.sample == begun(call) + s(5.0)
    assert shut.silence is not None
    assert not call.agent[shut.silence :].any()


class Shielding(FakeTTS):
    """Does not let itself be cancelled where it is to say something of a filler."""

    @asynccontextmanager
    async def open_stream(self, text: str, options: VoiceOptions) -> AsyncGenerator[AsyncIterator[SpeechChunk]]:
        if "moment" in text:
            with trio.CancelScope(shield=True):
                await trio.sleep_forever()
        async with super().open_stream(text, options) as chunks:
            yield chunks


@pytest.mark.parametrize(("reply", "did"), [(REPLY, "no more"), ("", "no")])
def test_a_synthesizer_that_makes_words_for_ever_fails_the_turn_by_its_deadline(reply: str, did: str) -> None:
    llm = ScriptedLLM([], fallback=reply, first_token_s=2.0)
    call = held(thinker(0, llm=llm, tts=Shielding(real_time_factor=0), answer_timeout_s=5.0))
    [ended] = of_kind(call, TurnEnded)
    assert isinstance(ended.outcome, Failed)
    assert (ended.outcome.message, ended.outcome.heard) == (f"gave {did} audio within 5 s", reply)
    assert (ended.joined, ended.blamed) == (False, "fake-tts")


# A sound


def test_a_sound_goes_on_until_the_answer_comes_and_fades_out_in_front_of_it() -> None:
    call = held(thinker(6.0, SOUND))
    [began], [ended], [answer] = (
        of_kind(call, FillerBegins),
        of_kind(call, FillerEnds),
        of_kind(call, SpeechStartsPlaying),
    )
    assert (began.text, ended.cause) == ("", "answered")
    assert began.sample == begun(call) + s(1.0)
    assert ended.sample == of_kind(held(thinker(6.0, None)), SpeechStartsPlaying)[0].sample
    assert 0 < answer.sample - ended.sample <= s(0.05 + 0.02)
    heard, tones = call.agent[began.sample : ended.sample], soft_tones()
    expected = np.resize(tones, len(heard))
    assert np.array_equal(heard[s(0.02) :], expected[s(0.02) :])
    assert call.turns[0].outcome == Completed(REPLY)


def test_a_sound_of_ones_own_is_played_at_its_rate_and_volume() -> None:
    pulse = np.zeros(2000, np.float32)
    pulse[:800] = 0.5 * np.hanning(800)
    call = held(thinker(3.0, ThinkingSound(samples=pulse, hz=8000, after_s=1.0, volume=0.5)))
    [began], [ended] = of_kind(call, FillerBegins), of_kind(call, FillerEnds)
    heard = call.agent[began.sample + s(0.25) : ended.sample]
    loud = np.flatnonzero(heard > 0.2)
    assert heard.max() == pytest.approx(0.25, rel=0.01)
    starts = loud[np.flatnonzero(np.diff(loud, prepend=-1000) > 100)]
    assert (np.abs(np.diff(starts) - 4000) <= 2).all(), "each quarter of a second"


def test_a_reply_without_words_ends_the_sound() -> None:
    call = held(thinker(3.0, SOUND, llm=ScriptedLLM([], fallback="", first_token_s=3.0)))
    [ended], [over] = of_kind(call, FillerEnds), of_kind(call, TurnEnded)
    assert ended.cause == "answered"
    assert over.sample - ended.sample <= s(0.07)
    assert over.outcome == Completed("")


# Being interrupted


@pytest.mark.parametrize("filler", [WORDS, SOUND])
@pytest.mark.parametrize("after_s", [0.02, 0.3, 0.6])
def test_it_falls_silent_within_the_fade_and_nothing_of_it_comes_afterwards(
    filler: Filler | ThinkingSound, after_s: float
) -> None:
    cuts: list[int] = []

    async def drive(session: Session) -> None:
        await wait_for_event(session, lambda event: isinstance(event, FillerBegins))
        await trio.sleep(after_s)
        session.interrupt("user_clicked_stop")
        cuts.append(session.now())

    call = held(thinker(5.0, filler), drive=drive)
    [turn], [ended] = call.turns, of_kind(call, FillerEnds)
    assert isinstance(turn.outcome, Interrupted)
    assert ended.cause == "stopped"
    assert turn.outcome.heard == ""
    assert turn.outcome.silence is not None
    assert cuts[0] < turn.outcome.silence <= cuts[0] + s(0.02 + 0.05)
    assert not call.agent[turn.outcome.silence :].any()
    assert call.agent[turn.outcome.silence - s(0.05) : turn.outcome.silence].any()


@pytest.mark.parametrize("filler", [WORDS, SOUND])
def test_whoever_speaks_over_it_interrupts_and_both_things_said_are_one_question(
    filler: Filler | ThinkingSound,
) -> None:
    llm = Watched(ScriptedLLM([], fallback="Fine.", first_token_s=4.0))
    call = held(thinker(0, filler, llm=llm), speech("and a large tea.", 0.3, "agent_starts"))
    first, second = call.turns
    assert isinstance(first.outcome, Interrupted)
    assert (first.outcome.heard, first.audio_started) == ("", None)
    yielded, ended = of_kind(call, Yielded)[0], of_kind(call, FillerEnds)[0]
    assert yielded.sample == ended.sample, "it steps back before anything is decided"
    assert first.outcome.silence is not None
    assert 0 < first.outcome.silence - yielded.sample <= s(0.05 + 0.02)
    asked = [[message.text for message in messages] for (messages,) in llm.asked]
    assert asked == [["two lattes please"], ["two lattes please\nand a large tea"]]
    assert second.outcome == Completed("Fine.")


def test_a_cough_ends_it_and_the_answer_is_waited_for_aloud_again() -> None:
    call = held(thinker(6.0, echo_guard=False), cough(0.2, "agent_starts", length_s=0.3))
    assert [event.verdict for event in of_kind(call, Decided)] == ["dismiss"]
    _, second = of_kind(call, FillerBegins)
    stopped, played = of_kind(call, FillerEnds)
    assert (stopped.cause, played.cause) == ("stopped", "played")
    assert second.text == "Let me see."
    assert second.sample >= stopped.sample + s(1.0 + MADE_S)
    assert len(of_kind(call, FalseInterruption)) == 1
    assert call.turns[0].outcome == Completed(REPLY)
    assert len(call.turns) == 1


def test_a_silence_that_was_taken_back_is_not_that_of_an_interruption_later_on() -> None:
    async def drive(session: Session) -> None:
        await wait_for_event(session, lambda event: isinstance(event, Resumed))
        await trio.sleep(0.5)
        session.interrupt("user_clicked_stop")

    call = held(thinker(9.0, echo_guard=False), cough(0.2, "agent_starts", length_s=0.3), drive=drive)
    assert isinstance(call.turns[0].outcome, Interrupted)
    assert call.turns[0].outcome.silence is None


def test_a_nod_is_no_interruption() -> None:
    call = held(thinker(6.0, SOUND), speech("mm-hm", 0.3, "agent_starts"))
    assert [event.verdict for event in of_kind(call, Decided)] == ["dismiss"]
    assert call.turns[0].outcome == Completed(REPLY)


def test_ducked_it_goes_on_softly() -> None:
    ducking = InterruptionSettings(reaction="duck")
    call = held(thinker(6.0, SOUND, interruption=ducking), cough(0.5, "agent_starts"))
    [yielded], [began], [ended] = of_kind(call, Yielded), of_kind(call, FillerBegins), of_kind(call, FillerEnds)
    assert ended.cause == "answered"
    tones = np.resize(soft_tones(), ended.sample - began.sample)
    at = yielded.sample + s(0.05) - began.sample
    ratio = np.abs(call.agent[yielded.sample + s(0.05) :][:800]).max() / np.abs(tones[at : at + 800]).max()
    assert ratio == pytest.approx(db_to_gain(ducking.duck_db), rel=0.01)


def test_before_and_after_it_the_caller_may_go_on_with_the_same_turn() -> None:
    call = held(thinker(6.0), speech("and a large tea.", 5.0))
    [began], [ended] = of_kind(call, FillerBegins)[:1], of_kind(call, FillerEnds)[:1]
    [taken_back] = of_kind(call, AttemptCancelled)
    assert began.sample < ended.sample < taken_back.sample
    assert [turn.text for turn in call.turns] == ["two lattes please and a large tea"]


def test_nothing_is_said_while_the_caller_makes_a_sound() -> None:
    call = held(thinker(6.0), cough(2.4, length_s=0.5))
    [answer_held] = of_kind(call, AnswerHeld)
    due = begun(call) + s(1.0)
    [began] = of_kind(call, FillerBegins)
    assert answer_held.sample < due < began.sample
    assert began.sample >= s(2.9), "it was over by then"
    assert call.turns[0].outcome == Completed(REPLY)


ENDS = {
    "interrupt": lambda session: session.interrupt("user_clicked_stop"),
    "speech": lambda session: session.interrupt_speech("user_clicked_stop"),
    "end": lambda session: session.end("goodbye", finish="sentence"),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("filler", [WORDS, SOUND])
def test_it_can_be_cut_off_at_any_time(filler: Filler | ThinkingSound, end: str) -> None:
    for hundredths in range(95, 240, 6):

        async def drive(session: Session, after_s: float = hundredths / 100) -> None:
            await wait_for_event(session, lambda event: isinstance(event, AttemptStarted))
            await trio.sleep(after_s)
            ENDS[end](session)

        held(thinker(1.5, filler), drive=drive, max_s=6.0)


# While tools run


def test_the_wait_for_a_tool_is_filled_although_something_was_said_before() -> None:
    who = clerk(slow(4.0), filler=WORDS, tts=FakeTTS(real_time_factor=0))
    call = simulate(who, [speech("moment please.", 0.2), HangUp(Moment(20))], seed=1)
    assert broken_promises(call) == []
    [began], [ended] = of_kind(call, FillerBegins), of_kind(call, FillerEnds)
    [turn] = call.turns
    assert turn.audio_started is not None
    first = "One moment please."
    assert began.sample == turn.audio_started + length(first) + s(1.0 + MADE_S)
    assert ended.cause == "played"
    assert heard_words(call) == "One moment please One moment please It is done with tea"
    assert turn.outcome == Completed("One moment please. It is done with tea.")


@pytest.mark.parametrize("lead_s", [0.0, 0.1])
@pytest.mark.parametrize("tool_s", [2.5, 9.0])
def test_what_is_cut_off_while_the_wait_for_a_tool_is_filled_was_heard_up_to_there(
    lead_s: float, tool_s: float
) -> None:
    """Also when the rest of the answer is there already, behind words that are finished first."""
    filler = Filler(texts=["Let me have a long look at all of the lists."], after_s=1.0)
    call = LiveCall(clerk(slow(tool_s), filler=filler, tts=FakeTTS(real_time_factor=0)), seed=1, lead_s=lead_s)
    cuts: list[int] = []

    async def interrupt(session: Session) -> None:
        session.interrupt("user_clicked_stop")
        cuts.append(session.now())

    try:
        call.do(lambda session: session.send_text("moment please."))
        call.pass_time(4.0)
        assert [type(event) for event in call.events if isinstance(event, FillerBegins | FillerEnds)] == [FillerBegins]
        call.do(interrupt)
        call.pass_time(0.5)
    finally:
        done = call.end()
    assert done is not None
    assert broken_promises(done) == []
    outcome = done.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    assert outcome.heard.rstrip(".") == "One moment please"
    assert outcome.silence is not None
    assert cuts[0] < outcome.silence <= cuts[0] + s(0.05 + 0.02)
    assert not done.agent[outcome.silence :].any()


async def test_only_what_is_on_its_way_to_the_caller_is_dropped() -> None:
    """The answer has been heard in part before, and nothing of it is on its way."""
    transport = Transport()
    async with open_session(clerk(slow(9.0), filler=SOUND, tts=FakeTTS(real_time_factor=0)), transport) as session:
        await session.send_text("moment please.")
        await wait_for_event(session, lambda event: isinstance(event, FillerBegins))
        await trio.sleep(0.3)
        session.interrupt("user_clicked_stop")
    assert [response_id for kind, response_id, *_ in transport.told if kind == "clear"] == ["1.1.filler1"]


def test_an_agent_that_is_to_finish_its_sentence_stops_filling() -> None:
    async def drive(session: Session) -> None:
        await wait_for_event(session, lambda event: isinstance(event, FillerBegins))
        await trio.sleep(0.3)
        session.end("goodbye", finish="sentence")

    who = clerk(slow(9.0), filler=SOUND, tts=FakeTTS(real_time_factor=0))
    call = simulate(who, [speech("moment please.", 0.2), HangUp(Moment(20))], seed=1, drive=drive)
    assert broken_promises(call) == []
    [began], [ended] = of_kind(call, FillerBegins), of_kind(call, FillerEnds)
    assert ended.cause == "stopped"
    assert s(0.3) <= ended.sample - began.sample <= s(0.32)


def test_it_is_known_when_an_answer_ends_that_waits_behind_words() -> None:
    call = held(thinker(0, llm=ScriptedLLM([], fallback="Two lattes.", first_token_s=1.2)))
    [complete] = [record for record in call.records if isinstance(record, SpeechComplete)]
    [began], [ended] = of_kind(call, FillerBegins), of_kind(call, FillerEnds)
    assert began.sample < complete.sample < ended.sample
    [finished] = [record for record in call.records if isinstance(record, AudioFinished)]
    assert complete.stop == finished.sample


# Settings


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Filler(texts=[]), "texts must be a list of texts, none of them empty"),
        (lambda: Filler(texts="One moment."), "texts must be a list of texts, none of them empty"),
        (lambda: Filler(texts=["Well.", " "]), "texts must be a list of texts, none of them empty"),
        (lambda: Filler(texts=["Well."], after_s=0), "after_s must be positive, got 0"),
        (lambda: Filler(texts=["Well."], at_most=0), "at_most must be at least 1, got 0"),
        (lambda: ThinkingSound(after_s=float("inf")), "after_s must be positive, got inf"),
        (lambda: ThinkingSound(volume=1.5), "volume must be more than 0 and at most 1, got 1.5"),
        (lambda: ThinkingSound(hz=0), "hz must be positive, got 0"),
        (lambda: ThinkingSound(samples=np.zeros(0, np.float32)), "samples must not be empty"),
        (lambda: ThinkingSound(samples=np.zeros((2, 5), np.float32)), "samples must be a sound: audio must be mono"),
        (lambda: agent(filler="One moment."), "filler must be a Filler or a ThinkingSound, got str"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Any, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        make()


def test_the_tones_are_soft_and_their_end_fits_their_beginning() -> None:
    for hz in (8000, 16_000, 24_000):
        tones = soft_tones(hz)
        assert tones.shape == (round(1.6 * hz),)
        assert tones[0] == tones[-1] == 0
        assert 0.04 < np.abs(tones).max() <= 0.05
