"""Who holds the floor: the Floor alone, told what happens, and the orders that it gives."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from tests.core.floors import ENDPOINTING, INTERRUPTION, Bench, deeds, events, floor_settings, none_of, only
from turnscope._errors import ConfigError, ProtocolError
from turnscope.core import (
    PHASES,
    AbandonTurn,
    AnswerHeld,
    AttemptCancelled,
    AttemptStarted,
    CallerHungUp,
    CancelAttempt,
    Cause,
    CloseSession,
    Decided,
    DismissTurn,
    EndTurn,
    Evidence,
    FloorSettings,
    FlushUtterance,
    InterruptionPolicy,
    InterruptSpeech,
    InterruptTurn,
    ListenOn,
    OpenTurn,
    Order,
    PolicyFailed,
    Reaction,
    Resumed,
    ResumeSpeech,
    Ruling,
    SessionOpened,
    SpeechPlayed,
    StartAttempt,
    StateChanged,
    StopListening,
    TurnJoined,
    TurnOpened,
    TurnStarted,
    UtteranceDismissed,
    Verdict,
    WordsPolicy,
    Yielded,
    YieldSpeech,
    to_samples,
)


def at(seconds: float) -> int:
    return to_samples(seconds)


@dataclass(frozen=True)
class Always:
    """A policy whose mind is made up."""

    ruling: Ruling

    def judge(self, evidence: Evidence) -> Ruling:
        return self.ruling


def judged_by(policy: InterruptionPolicy) -> FloorSettings:
    return floor_settings(interruption=replace(INTERRUPTION, policy=policy))


def reacting_with(reaction: Reaction) -> FloorSettings:
    return floor_settings(interruption=replace(INTERRUPTION, reaction=reaction))


JUDGING = floor_settings(interruption=replace(INTERRUPTION, phases=PHASES))
"""An answer that is not heard yet is taken back by words or by speech that lasts."""


# The caller's turn


def test_a_first_utterance_is_listened_to_from_before_its_onset() -> None:
    bench = Bench()
    orders = bench.speech_starts(1.05, profiles=("turn",))
    assert deeds(orders) == [OpenTurn(1, at(0.75))]  # the onset at 1.0 and 0.25 s of pre-roll
    assert only(orders, TurnOpened) == TurnOpened(at(1.05), 1, at(1.0), None)
    assert bench.state == "listening"


def test_a_sound_that_only_the_eager_detector_hears_opens_no_turn() -> None:
    bench = Bench()
    assert deeds(bench.speech_starts(1.0, profiles=("barge_in",))) == []


def test_half_a_second_after_its_end_a_first_utterance_is_answered() -> None:
    bench = Bench()
    bench.speech_starts(1.05)
    assert deeds(bench.speech_stops(2.1, end_s=2.0)) == [FlushUtterance(1)]
    assert deeds(bench.words(2.2, 1, "two lattes", final=True)) == []
    assert bench.deadline_s == 2.5
    orders = bench.pass_time_until(2.5)
    assert deeds(orders) == [StartAttempt(1, 1, "two lattes", verbatim=False)]
    assert only(orders, TurnStarted) == TurnStarted(at(2.5), 1, "speech", at(1.0))
    assert only(orders, AttemptStarted) == AttemptStarted(at(2.5), 1, 1, "two lattes", at(2.0))
    assert bench.state == "processing"


def test_the_turn_goes_on_until_the_last_detector_hears_silence() -> None:
    bench = Bench()
    bench.speech_starts(1.0)
    assert deeds(bench.speech_stops(2.0, profiles=("barge_in",))) == []
    assert deeds(bench.speech_stops(2.2, profiles=("turn",))) == [FlushUtterance(1)]


def test_a_caller_who_goes_on_within_the_pause_is_heard_on_in_the_same_turn() -> None:
    bench = Bench()
    bench.speech_starts(1.0)
    bench.speech_stops(2.1, end_s=2.0)
    bench.words(2.2, 1, "two lattes", final=True)
    assert deeds(bench.speech_starts(2.35, onset_s=2.3)) == [ListenOn(1, at(2.05))]
    bench.speech_stops(3.1, end_s=3.0)
    bench.words(3.2, 1, "and a mocha", final=True)
    assert only(bench.pass_time_until(4.0), StartAttempt).text == "two lattes and a mocha"


def test_a_caller_who_has_paused_for_long_is_given_more_time_at_the_end() -> None:
    bench = Bench(floor_settings(endpointing=replace(ENDPOINTING, max_delay_s=2.0)))
    bench.speech_starts(1.0)
    bench.speech_stops(2.1, end_s=2.0)
    bench.speech_starts(3.7, onset_s=3.6)  # 1.6 s of pause, of which 1.25 times are the longest delay
    bench.speech_stops(5.1, end_s=5.0)
    bench.words(5.2, 1, "two lattes please", final=True)
    assert bench.deadline_s == 7.0


def test_words_that_come_late_are_waited_for() -> None:
    bench = Bench()
    bench.speech_starts(1.0)
    bench.speech_stops(2.1, end_s=2.0)
    assert deeds(bench.pass_time_until(3.9)) == []
    bench.words(3.9, 1, "two lattes", final=True)
    assert only(bench.pass_time_until(3.9), StartAttempt).text == "two lattes"


def test_words_that_are_never_settled_are_answered_as_they_stand() -> None:
    bench = Bench()
    bench.speech_starts(1.0)
    bench.words(1.5, 1, "two lat")
    bench.speech_stops(2.1, end_s=2.0)
    assert deeds(bench.pass_time_until(3.99)) == []
    assert only(bench.pass_time_until(4.0), StartAttempt).text == "two lat"


def test_a_transcript_that_never_comes_is_a_failed_turn() -> None:
    bench = Bench()
    bench.speech_starts(1.0)
    bench.speech_stops(2.1, end_s=2.0)
    orders = bench.pass_time_until(4.0)
    assert deeds(orders) == [EndTurn(1, "stt", "gave no final transcript in time")]
    assert only(orders, TurnStarted).turn_id == 1
    assert bench.state == "listening"


def test_a_noise_without_words_is_dismissed() -> None:
    bench = Bench()
    orders = bench.asks(1.0, 1, text="")
    assert deeds(orders) == [OpenTurn(1, at(0.75)), FlushUtterance(1), DismissTurn(1)]
    assert only(orders, UtteranceDismissed) == UtteranceDismissed(at(2.5), 1, at(1.0), "", "no words", None)
    assert bench.state == "listening"


def test_a_dismissed_noise_is_not_answered_by_words_that_come_too_late() -> None:
    bench = Bench()
    bench.asks(1.0, 1, text="")
    assert bench.words(2.6, 1, "two lattes", final=True) == []


def test_the_longest_turn_is_answered_though_the_caller_still_speaks() -> None:
    bench = Bench()
    bench.speech_starts(1.05)
    bench.words(5.0, 1, "well you see")
    assert deeds(bench.pass_time_until(10.99)) == []
    assert deeds(bench.pass_time_until(11.0)) == [StartAttempt(1, 1, "well you see", verbatim=False)]


def test_a_listener_that_gives_no_interim_transcripts_is_asked_for_a_final_one_when_the_turn_is_long_enough() -> None:
    bench = Bench()
    bench.speech_starts(1.05)
    assert deeds(bench.pass_time_until(11.0)) == [FlushUtterance(1), ListenOn(1, at(11.0))]
    assert only(bench.words(11.3, 1, "well you see", final=True), StartAttempt).text == "well you see"
    bench.joins(11.4, 1)
    orders = bench.audio_starts(11.5, 1)
    assert only(orders, OpenTurn) == OpenTurn(2, at(10.8))  # 11.3 s, less a word that may be cut


def test_a_long_noise_is_given_as_long_again_for_its_first_word() -> None:
    bench = Bench()
    bench.speech_starts(1.05)
    assert deeds(bench.pass_time_until(15.0)) == [FlushUtterance(1), ListenOn(1, at(11.0))]
    bench.words(15.0, 1, "well")
    assert deeds(bench.pass_time_until(20.99)) == []
    assert only(bench.pass_time_until(21.0), StartAttempt).text == "well"


def test_the_longest_turn_does_not_dismiss_words_that_are_still_to_come() -> None:
    bench = Bench()
    bench.speech_starts(1.05)
    bench.speech_stops(10.9, end_s=10.8)
    assert deeds(bench.pass_time_until(11.5)) == []
    bench.words(12.0, 1, "that was all", final=True)
    assert only(bench.pass_time_until(12.0), StartAttempt).text == "that was all"


def test_a_turn_that_is_resumed_stays_bounded() -> None:
    bench = Bench()
    bench.speech_starts(1.05)
    bench.speech_stops(2.1, end_s=2.0)
    bench.words(2.2, 1, "two lattes", final=True)
    bench.pass_time_until(2.5)
    bench.speech_starts(3.0)  # takes the answer back
    assert deeds(bench.pass_time_until(10.99)) == []
    assert only(bench.pass_time_until(11.0), StartAttempt).attempt == 2


def test_a_caller_who_outlasts_the_longest_turn_does_not_count_as_interrupting_since_its_onset() -> None:
    bench = Bench()
    bench.speech_starts(1.05)
    bench.words(5.0, 1, "well you see")
    bench.pass_time_until(11.0)
    orders = bench.audio_starts(11.5, 1)
    assert only(orders, TurnOpened) == TurnOpened(at(11.5), 2, at(11.0), 1)
    assert deeds(orders) == [
        StopListening(1),
        YieldSpeech(1, "pause"),
        OpenTurn(2, at(5.0)),
    ]  # what "well you see" does not account for


# Taking an answer back


def test_a_caller_who_goes_on_before_any_audio_takes_the_answer_back_and_extends_the_same_turn() -> None:
    bench = Bench()
    bench.asks(1.0, 1)
    orders = bench.speech_starts(3.0, onset_s=2.9, profiles=("turn",))
    assert deeds(orders) == [CancelAttempt(1, 1, "user_speaking"), ListenOn(1, at(2.65))]
    assert only(orders, AttemptCancelled).attempt == 1
    assert bench.state == "listening"
    bench.speech_stops(4.1, end_s=4.0)
    bench.words(4.2, 1, "and a mocha", final=True)
    orders = bench.pass_time_until(4.5)
    assert deeds(orders) == [StartAttempt(1, 2, "two lattes and a mocha", verbatim=False)]
    assert none_of(orders, TurnStarted), "it is the same turn, which has started already"


def test_the_eager_detector_is_enough_to_take_an_answer_back() -> None:
    bench = Bench()
    bench.asks(1.0, 1)
    assert CancelAttempt(1, 1, "user_speaking") in bench.speech_starts(3.0, profiles=("barge_in",))
    assert bench.state == "listening"


def test_once_audio_is_heard_nothing_more_belongs_to_the_turn_that_asked() -> None:
    bench = Bench()
    bench.asks(1.0, 1)
    assert deeds(bench.audio_starts(3.0, 1)) == [StopListening(1)]
    assert bench.state == "speaking"
    assert bench.floor.agent_is_audible


def test_nothing_is_listened_to_twice() -> None:
    bench = Bench()
    bench.asks(1.0, 1)  # until 2.0
    bench.audio_starts(2.6, 1)
    assert only(bench.speech_starts(2.7, onset_s=2.1), OpenTurn).listen_from == at(2.0)


# Interrupting by voice


def test_at_the_onset_the_agent_steps_back_and_a_challenger_listens() -> None:
    bench = Bench()
    bench.is_speaking()
    orders = bench.speech_starts(2.0, onset_s=1.95)
    assert deeds(orders) == [YieldSpeech(1, "pause"), OpenTurn(2, at(1.7))]
    assert only(orders, TurnOpened) == TurnOpened(at(2.0), 2, at(1.95), 1)
    assert only(orders, Yielded) == Yielded(at(2.0), 1, 2, at(1.95), "pause")
    assert bench.state == "speaking"


@pytest.mark.parametrize("reaction", ["pause", "duck"])
def test_the_agent_steps_back_as_it_was_told_to(reaction: Reaction) -> None:
    bench = Bench(reacting_with(reaction))
    bench.is_speaking()
    assert only(bench.speech_starts(2.0), YieldSpeech) == YieldSpeech(1, reaction)


def test_an_agent_that_carries_on_does_not_step_back() -> None:
    bench = Bench(reacting_with("continue"))
    bench.is_speaking()
    assert none_of(bench.speech_starts(2.0), YieldSpeech, Yielded)


def test_words_confirm_an_interruption_and_silence_is_the_first_order() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.speech_starts(2.0, onset_s=1.95)
    assert deeds(bench.words(2.2, 2, "wait")) == []
    orders = bench.words(2.4, 2, "wait make it")
    cause = Cause("user_speaking", at(2.4), at(1.95), "words: wait make it")
    assert orders[0] == InterruptTurn(1, cause)
    assert only(orders, Decided) == Decided(at(2.4), 1, 2, "confirm", "words: wait make it", "wait make it", 0.45)
    assert only(orders, StateChanged) == StateChanged(at(2.4), "speaking", "listening", "barge-in", 1)
    assert only(orders, TurnStarted) == TurnStarted(at(2.4), 2, "speech", at(1.95))


def test_an_interruption_that_ends_with_the_speech_is_silent_first() -> None:
    """What decides is an edge of speech here, and its event must not go ahead of the silence."""
    bench = Bench()
    bench.is_speaking()
    bench.speech_starts(2.0)
    bench.words(2.2, 2, "stop", final=True)
    bench.speech_stops(2.4, end_s=2.3)
    assert isinstance(bench.words(2.5, 2, "", final=True)[0], InterruptTurn)


def test_long_speech_confirms_an_interruption_without_words() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.speech_starts(2.0, onset_s=1.95)
    assert bench.deadline_s == 2.75
    orders = bench.pass_time_until(2.75)
    assert orders[0] == InterruptTurn(1, Cause("user_speaking", at(2.75), at(1.95), "0.8 s of speech"))


def test_the_next_answer_waits_until_the_interrupted_turn_is_gone() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.speech_starts(2.0)
    bench.words(2.2, 2, "wait")
    bench.words(2.4, 2, "wait now")
    bench.speech_stops(2.5, end_s=2.4)
    bench.words(2.6, 2, "wait now", final=True)
    orders = bench.pass_time_until(2.95)
    assert none_of(orders, StartAttempt)
    assert bench.state == "processing"
    assert deeds(bench.joins(3.0, 1)) == [StartAttempt(2, 1, "wait now", verbatim=False)]


def test_a_caller_who_goes_on_while_an_answer_waits_has_no_attempt_to_take_back() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.speech_starts(2.0)
    bench.words(2.1, 2, "wait")
    bench.words(2.2, 2, "wait now")
    bench.speech_stops(2.35, end_s=2.3)
    bench.words(2.4, 2, "wait now", final=True)
    bench.pass_time_until(2.8)
    assert bench.state == "processing"
    orders = bench.speech_starts(2.9, onset_s=2.85)
    assert deeds(orders) == [ListenOn(2, at(2.6))]
    assert none_of(orders, AttemptCancelled)
    assert none_of(bench.joins(3.0, 1), StartAttempt)


def test_a_nod_is_dismissed_and_the_agent_speaks_on() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.speech_starts(2.0, onset_s=1.95)
    bench.speech_stops(2.4, end_s=2.3)
    orders = bench.words(2.5, 2, "mm-hmm", final=True)
    assert deeds(orders) == [ResumeSpeech(1), DismissTurn(2)]
    assert only(orders, Resumed).turn_id == 1
    assert only(orders, Decided).verdict == "dismiss"
    assert only(orders, UtteranceDismissed) == UtteranceDismissed(at(2.5), 2, at(1.95), "mm-hmm", "backchannel", 1)
    assert bench.state == "speaking"


def test_somebody_who_keeps_nodding_is_listened_to_on_and_the_agent_speaks() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.speech_starts(2.0)
    bench.words(2.3, 2, "mm-hmm")
    orders = bench.pass_time_until(4.0)  # the decision window
    assert deeds(orders) == [ResumeSpeech(1), DismissTurn(2), OpenTurn(3, at(4.0))]
    assert none_of(orders, Yielded)


def test_a_challenger_whose_words_nobody_understands_is_let_go() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.speech_starts(2.0)
    orders = bench.listening_fails(2.2, 2)
    assert deeds(orders) == [ResumeSpeech(1), DismissTurn(2)]
    assert only(orders, UtteranceDismissed).evidence == "fake-stt failed"


def test_a_listener_that_fails_at_once_is_not_opened_again_and_again_while_the_caller_speaks() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.speech_starts(2.0)
    assert none_of(bench.listening_fails(2.0, 2), OpenTurn)


def test_a_challenger_that_is_undecided_when_the_agent_is_done_is_the_next_turn() -> None:
    bench = Bench(reacting_with("continue"))
    bench.is_speaking()
    bench.speech_starts(2.0)
    orders = bench.audio_finishes(2.2, 1)
    assert deeds(orders) == []
    assert only(orders, SpeechPlayed).turn_id == 1
    bench.joins(2.2, 1)
    bench.speech_stops(2.6, end_s=2.5)
    bench.words(2.7, 2, "mm-hmm", final=True)
    assert only(bench.pass_time_until(3.0), StartAttempt) == StartAttempt(2, 1, "mm-hmm", verbatim=False)


def test_an_interrupter_without_words_is_a_turn_that_ends_with_nothing_to_answer() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.speech_starts(2.0)
    bench.pass_time_until(2.75)  # long enough to interrupt
    bench.joins(2.8, 1)
    bench.speech_stops(3.1, end_s=3.0)
    bench.words(3.2, 2, "", final=True)
    orders = bench.pass_time_until(3.5)
    assert deeds(orders) == [EndTurn(2)]
    assert none_of(orders, UtteranceDismissed)


def test_a_challenger_who_goes_on_is_not_settled_any_more() -> None:
    seen: list[tuple[int | None, bool, tuple[str, ...]]] = []

    class Undecided:
        def judge(self, evidence: Evidence) -> Ruling:
            seen.append((evidence.speech_end, evidence.settled, evidence.recent))
            return Ruling(Verdict.WAIT, "well")

    bench = Bench(judged_by(Undecided()))
    bench.is_speaking()
    bench.speech_starts(2.0)
    bench.speech_stops(2.5, end_s=2.4, profiles=("turn", "barge_in"))
    bench.words(2.6, 2, "wait", final=True)
    bench.speech_starts(2.8, profiles=("barge_in",))
    for number in range(4):
        bench.words(3.0, 2, str(number))
    assert seen == [
        (None, False, ()),
        (None, False, ()),
        (at(2.4), False, ()),
        (at(2.4), True, ("wait",)),
        (None, False, ("wait",)),
        (None, False, ("wait", "0")),
        (None, False, ("wait", "0", "1")),
        (None, False, ("wait", "0", "1", "2")),
        (None, False, ("0", "1", "2", "3")),
    ]


def test_a_policy_that_confirms_at_once_interrupts_without_stepping_back() -> None:
    bench = Bench(judged_by(Always(Ruling(Verdict.CONFIRM, "eager"))))
    bench.is_speaking()
    orders = bench.speech_starts(2.0)
    assert isinstance(orders[0], InterruptTurn)
    assert none_of(orders, YieldSpeech, Yielded)


def test_a_policy_that_dismisses_at_once_does_not_make_the_agent_step_back() -> None:
    bench = Bench(judged_by(Always(Ruling(Verdict.DISMISS, "deaf"))))
    bench.is_speaking()
    assert none_of(bench.speech_starts(2.0), YieldSpeech, Yielded, ResumeSpeech)


def test_a_policy_that_asks_to_be_called_in_the_past_does_not_hang_the_floor() -> None:
    bench = Bench(judged_by(Always(Ruling(Verdict.WAIT, "hm", review_at=0))))
    bench.is_speaking()
    bench.speech_starts(2.0)
    assert bench.deadline_s == 4.0, "the window, at whose end waiting counts as dismissing"
    assert only(bench.pass_time_until(4.0), Decided).verdict == "dismiss"


def test_speech_as_long_as_the_policy_asks_counts_when_its_length_is_no_whole_number_of_samples() -> None:
    """The Floor came back at the rounded sample, found the speech a fraction too short, and hung."""
    bench = Bench(judged_by(WordsPolicy(min_speech_s=0.33333)))
    bench.is_speaking()
    bench.speech_starts(2.0, onset_s=2.0)
    assert isinstance(bench.pass_time_until(2.5)[0], InterruptTurn)


# What others say of the sound


@dataclass(frozen=True)
class Echoes:
    """Dismisses what is an echo, and keeps what it was asked."""

    seen: list[tuple[tuple[str, float], ...]] = field(default_factory=list)

    def judge(self, evidence: Evidence) -> Ruling:
        self.seen.append(evidence.scores)
        echo = evidence.score("echo")
        verdict = Verdict.DISMISS if echo is not None and echo >= 0.9 else Verdict.WAIT
        return Ruling(verdict, f"echo {echo}")


def test_a_score_is_evidence_and_the_policy_is_asked_at_once() -> None:
    policy = Echoes()
    bench = Bench(judged_by(policy))
    bench.is_speaking()
    bench.speech_starts(2.0)
    bench.scores(2.1, "noise", 0.3, turn_id=2)
    bench.scores(2.2, "echo", 0.5)
    orders = bench.scores(2.3, "echo", 0.95)
    assert policy.seen == [
        (),
        (),  # both settings notice the speech
        (("noise", 0.3),),
        (("echo", 0.5), ("noise", 0.3)),
        (("echo", 0.95), ("noise", 0.3)),
    ]
    assert only(orders, Decided).evidence == "echo 0.95"
    assert only(orders, UtteranceDismissed).turn_id == 2


def test_the_newest_score_of_a_name_counts_whenever_it_comes() -> None:
    policy = Echoes()
    bench = Bench(judged_by(policy))
    bench.is_speaking()
    bench.speech_starts(2.0, profiles=("barge_in",))
    bench.scores(2.3, "echo", 0.2, stop_s=2.25)
    bench.scores(2.4, "echo", 0.8, stop_s=2.15)
    assert policy.seen[-1] == (("echo", 0.2),)


def test_a_score_may_come_before_it_is_sure_that_it_is_speech() -> None:
    policy = Echoes()
    bench = Bench(judged_by(policy))
    bench.is_speaking()
    bench.scores(1.5, "noise", 0.9)
    bench.scores(1.99, "echo", 0.95)
    orders = bench.speech_starts(2.0, onset_s=1.95, profiles=("barge_in",))
    assert policy.seen == [(("echo", 0.95),)], "that of before the onset is about something else"
    assert none_of(orders, YieldSpeech)


def test_a_score_of_another_turn_says_nothing_of_this_challenger() -> None:
    policy = Echoes()
    bench = Bench(judged_by(policy))
    bench.is_speaking()
    bench.speech_starts(2.0, profiles=("barge_in",))
    assert deeds(bench.scores(2.1, "echo", 1.0, turn_id=1)) == []
    assert policy.seen == [()]


# Policies that break


class Broken:
    def judge(self, evidence: Evidence) -> Ruling:
        raise KeyError("lexicon")


class Silent:
    def judge(self, evidence: Evidence) -> Ruling:
        return None  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (Broken(), r"KeyError: 'lexicon' \(in Broken.judge, line \d+\)"),
        (Silent(), r"judge\(\) must return a Ruling, got NoneType"),
    ],
)
def test_a_policy_that_breaks_is_named_once_and_the_default_one_judges(
    policy: InterruptionPolicy, message: str
) -> None:
    bench = Bench(judged_by(policy))
    bench.is_speaking()
    told = only(bench.speech_starts(2.0), PolicyFailed)
    assert (told.turn_id, told.challenger_id, told.policy) == (1, 2, type(policy).__name__)
    assert re.fullmatch(message, told.message)
    bench.words(2.2, 2, "wait")
    orders = bench.words(2.3, 2, "wait now")
    assert only(orders, Decided).evidence == "words: wait now"
    assert none_of(orders, PolicyFailed)


# Protected speech and the queue of things to say


def test_what_is_said_is_a_turn_of_its_own() -> None:
    bench = Bench()
    orders = bench.say(0.5, 1, "Hello there.")
    assert deeds(orders) == [OpenTurn(1, None), StartAttempt(1, 1, "Hello there.", verbatim=True)]
    assert only(orders, TurnStarted) == TurnStarted(at(0.5), 1, "say", None)


def test_protected_speech_holds_its_challenger_and_hands_it_the_floor_at_the_end() -> None:
    bench = Bench()
    bench.is_speaking(protected=True)
    orders = bench.speech_starts(2.0)
    assert deeds(orders) == [OpenTurn(2, at(1.7))]
    assert only(orders, Decided).verdict == "hold"
    bench.speech_stops(3.1, end_s=3.0)
    assert deeds(bench.words(3.2, 2, "wait stop now", final=True)) == []
    assert deeds(bench.pass_time_until(9.0)) == []
    bench.audio_finishes(9.0, 1)
    orders = [*bench.joins(9.0, 1), *bench.pass_time_until(9.0)]
    assert deeds(orders) == [StartAttempt(2, 1, "wait stop now", verbatim=False)]
    assert only(orders, TurnStarted) == TurnStarted(at(9.0), 2, "speech", at(1.95))


def test_protected_speech_does_not_step_back_for_somebody_who_spoke_before_it_was_heard() -> None:
    bench = Bench()
    bench.say(0.5, 1, protected=True)
    bench.speech_starts(0.8)
    assert deeds(bench.audio_starts(1.0, 1)) == []


def test_what_was_held_longer_than_the_longest_turn_is_answered_at_once() -> None:
    bench = Bench()
    bench.is_speaking(protected=True)
    bench.speech_starts(2.0)
    bench.words(3.0, 2, "wait stop now")
    bench.audio_finishes(15.0, 1)
    assert bench.deadline_s == 15.0
    assert only(bench.joins(15.0, 1), StartAttempt).text == "wait stop now"


def test_the_application_may_interrupt_even_protected_speech() -> None:
    bench = Bench()
    bench.is_speaking(protected=True)
    assert deeds(bench.interrupts(2.0)) == [InterruptTurn(1, Cause("interrupted", at(2.0)))]


def test_things_to_say_are_said_in_order_one_at_a_time() -> None:
    bench = Bench()
    bench.say(0.5, 1, "One.")
    assert deeds(bench.say(0.6, 2, "Two.")) == []
    assert deeds(bench.say(0.7, 3, "Three.")) == []
    bench.audio_starts(0.8, 1)
    assert deeds(bench.audio_finishes(2.0, 1)) == [OpenTurn(2, None)]
    assert deeds(bench.joins(2.1, 1)) == [StartAttempt(2, 1, "Two.", verbatim=True)]


def test_something_to_say_waits_for_the_caller_to_finish_and_be_answered() -> None:
    bench = Bench()
    bench.speech_starts(1.05)
    assert deeds(bench.say(1.5, 2, "By the way.")) == []
    bench.speech_stops(2.1, end_s=2.0)
    bench.words(2.2, 1, "two lattes", final=True)
    bench.pass_time_until(2.5)
    bench.audio_starts(3.0, 1)
    assert deeds(bench.audio_finishes(4.0, 1)) == [OpenTurn(2, None)]


def test_something_to_say_before_the_session_is_open_is_said_when_it_is() -> None:
    bench = Bench(opened=False)
    assert bench.say(0.0, 1) == []
    assert only(bench.feed(SessionOpened(0)), OpenTurn) == OpenTurn(1, None)


def test_a_waiting_say_can_be_cancelled_before_it_begins() -> None:
    bench = Bench()
    bench.say(0.5, 1)
    bench.say(0.6, 2)
    assert deeds(bench.cancels_say(0.7, 2)) == [InterruptTurn(2, Cause("changed my mind", at(0.7)))]
    bench.audio_starts(0.8, 1)
    assert none_of(bench.audio_finishes(2.0, 1), OpenTurn)


def test_a_running_say_can_be_cancelled_and_the_next_one_follows() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.say(1.1, 2)
    orders = bench.cancels_say(1.5, 1)
    assert deeds(orders) == [InterruptTurn(1, Cause("changed my mind", at(1.5))), OpenTurn(2, None)]


def test_cancelling_a_say_that_is_over_does_nothing() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.audio_finishes(2.0, 1)
    assert bench.cancels_say(2.1, 1) == []


# Interrupting by the application, and by typing


def test_an_interruption_silences_first_then_drops_what_waits_and_may_be_dropped() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.say(1.1, 2)
    bench.say(1.2, 3, protected=True)
    cause = Cause("interrupted", at(1.5))
    orders = bench.interrupts(1.5)
    assert orders[:2] == [InterruptTurn(1, cause), InterruptTurn(2, cause)]
    assert deeds(orders)[2:] == [OpenTurn(3, None)]


def test_interrupting_when_nothing_is_said_does_nothing() -> None:
    bench = Bench()
    assert bench.interrupts(1.0) == []
    bench.speech_starts(1.05)
    assert bench.interrupts(1.5) == []


def test_interrupting_an_answer_that_was_not_heard_yet_ends_its_turn() -> None:
    bench = Bench()
    bench.asks(1.0, 1)
    orders = bench.interrupts(2.6)
    assert deeds(orders) == [InterruptTurn(1, Cause("interrupted", at(2.6)), "two lattes")]
    assert bench.state == "listening"


def test_an_interruption_leaves_the_floor_to_the_challenger_who_has_a_turn_when_there_are_words() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.speech_starts(2.0, onset_s=1.95)
    orders = bench.interrupts(2.2)
    assert deeds(orders) == [InterruptTurn(1, Cause("interrupted", at(2.2)))]
    assert none_of(orders, TurnStarted)
    bench.joins(2.2, 1)
    bench.speech_stops(2.6, end_s=2.5)
    orders = [*bench.words(2.7, 2, "two lattes", final=True), *bench.pass_time_until(4.0)]
    assert only(orders, TurnStarted).onset == at(1.95)
    assert only(orders, StartAttempt).text == "two lattes"


def test_a_cough_over_words_that_the_application_interrupts_is_no_turn() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.speech_starts(2.0, onset_s=1.95)
    bench.interrupts(2.2)
    bench.joins(2.2, 1)
    bench.speech_stops(2.6, end_s=2.1)
    orders = [*bench.words(2.7, 2, "", final=True), *bench.pass_time_until(3.5)]
    assert deeds(orders) == [DismissTurn(2)]
    assert none_of(orders, TurnStarted)


def test_interrupting_the_speech_lets_the_text_go_on_until_the_next_answer_is_due() -> None:
    bench = Bench()
    bench.is_speaking()
    assert deeds(bench.interrupts(2.0, speech_only=True)) == [InterruptSpeech(1, Cause("interrupted", at(2.0)))]
    assert bench.state == "listening"
    orders = bench.asks(3.0, 2)
    assert deeds(orders)[-1] == InterruptTurn(1, Cause("new_input", at(4.5)))
    assert none_of(orders, StartAttempt)
    assert only(bench.joins(4.6, 1), StartAttempt).turn_id == 2


def test_a_silenced_turn_whose_text_has_ended_is_not_interrupted_again() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.interrupts(2.0, speech_only=True)
    assert bench.audio_finishes(2.2, 1) == []
    bench.joins(2.2, 1)
    orders = bench.asks(3.0, 2)
    assert none_of(orders, InterruptTurn)
    assert only(orders, StartAttempt).turn_id == 2


def test_a_whole_interruption_ends_a_silenced_turn_too() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.interrupts(2.0, speech_only=True)
    assert deeds(bench.interrupts(2.5)) == [InterruptTurn(1, Cause("interrupted", at(2.5)))]
    assert bench.pass_time_until(3.5) == [AbandonTurn(1)]


def test_interrupting_the_speech_of_an_answer_that_was_not_begun_ends_its_turn() -> None:
    """There is no text that could go on: its turn would stay open until somebody else is answered."""
    bench = Bench()
    bench.is_speaking()
    bench.types(2.0, 2, "stop")
    orders = bench.interrupts(2.5, speech_only=True)
    assert deeds(orders) == [InterruptTurn(2, Cause("interrupted", at(2.5)), "stop")]


def test_typed_words_interrupt_and_are_answered() -> None:
    bench = Bench()
    bench.is_speaking()
    orders = bench.types(2.0, 2, "never mind")
    assert orders[0] == InterruptTurn(1, Cause("new_input", at(2.0)))
    assert deeds(orders)[1:] == [OpenTurn(2, None)]
    assert only(orders, TurnStarted) == TurnStarted(at(2.0), 2, "text", None)
    assert only(orders, StateChanged) == StateChanged(at(2.0), "speaking", "processing", "answer", 2)
    assert deeds(bench.joins(2.1, 1)) == [StartAttempt(2, 1, "never mind", verbatim=False)]


def test_typed_words_silence_the_agent_before_they_dismiss_a_challenger() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.speech_starts(1.5)
    orders = bench.types(2.0, 3, "never mind")
    assert orders[0] == InterruptTurn(1, Cause("new_input", at(2.0)))
    assert deeds(orders)[1:] == [DismissTurn(2), OpenTurn(3, None)]
    assert only(orders, UtteranceDismissed).evidence == "new_input"


def test_typed_words_replace_an_answer_that_was_not_heard_yet() -> None:
    bench = Bench()
    bench.asks(1.0, 1)
    orders = bench.types(2.6, 2, "no, three")
    assert [event.trigger for event in events(orders) if isinstance(event, StateChanged)] == ["barge-in", "answer"]
    assert bench.state == "processing"


def test_typed_words_replace_a_turn_that_had_interrupted() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.speech_starts(2.0)
    bench.pass_time_until(2.75)
    orders = bench.types(3.0, 3, "never mind")
    assert InterruptTurn(2, Cause("new_input", at(3.0))) in orders
    assert none_of(orders, DismissTurn)


def test_speech_over_an_answer_to_typed_words_challenges_it_before_it_is_heard() -> None:
    bench = Bench(JUDGING)
    bench.types(1.0, 1, "hello")
    orders = bench.speech_starts(1.5)
    assert deeds(orders) == [YieldSpeech(1, "pause"), OpenTurn(2, at(1.2))], "and it is held back"
    assert only(orders, AnswerHeld) == AnswerHeld(at(1.5), 1, 2, at(1.45))


# Joining


def test_a_turn_that_does_not_end_is_abandoned_and_the_next_answer_begins() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.types(2.0, 2, "never mind")
    assert bench.deadline_s == 3.0
    orders = bench.pass_time_until(3.0)
    assert deeds(orders) == [AbandonTurn(1), StartAttempt(2, 1, "never mind", verbatim=False)]


def test_a_second_turn_that_does_not_end_closes_the_session() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.types(2.0, 2, "never mind")
    bench.types(4.0, 3, "really")
    orders = bench.pass_time_until(5.0)
    assert deeds(orders) == [
        InterruptTurn(3, Cause("providers do not stop", at(5.0)), "really", closing=True),
        AbandonTurn(2),
        CloseSession("providers do not stop"),
    ]
    assert bench.state == "ended"


def test_a_late_join_is_forgiven() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.types(2.0, 2, "never mind")
    bench.joins(3.5, 1)  # after it was abandoned
    bench.types(4.0, 3, "really")
    assert deeds(bench.pass_time_until(5.0)) == [AbandonTurn(2), StartAttempt(3, 1, "really", verbatim=False)]
    assert bench.state == "processing"


def test_a_turn_whose_end_is_told_late_is_not_abandoned_as_well() -> None:
    """It had two endings when its tasks ended at the very sample of the deadline, or the session was late."""
    bench = Bench()
    bench.is_speaking()
    bench.types(2.0, 2, "never mind")
    for late in (TurnJoined(at(3.0), 1), TurnJoined(at(3.7), 1)):
        assert none_of(bench.feed(late), AbandonTurn)


def test_no_answer_begins_while_one_of_two_turns_is_left() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.speech_starts(1.5)
    bench.types(2.0, 3, "never mind")
    assert none_of(bench.joins(2.1, 1), StartAttempt)
    assert only(bench.joins(2.2, 2), StartAttempt).turn_id == 3


# Failing


def test_an_answer_that_fails_ends_its_turn_and_the_session_goes_on() -> None:
    bench = Bench()
    bench.asks(1.0, 1)
    assert deeds(bench.fails(3.0, 1)) == []
    assert bench.state == "listening"
    bench.joins(3.0, 1)
    assert only(bench.asks(4.0, 2), StartAttempt).turn_id == 2


def test_an_answer_of_which_nothing_is_heard_in_time_fails() -> None:
    bench = Bench()
    bench.asks(1.0, 1)  # its answer is begun at 2.5
    assert bench.deadline_s == 22.5
    orders = bench.pass_time_until(22.5)
    assert deeds(orders) == [EndTurn(1, "answer", "gave no audio within 20 s", "two lattes")]
    assert bench.state == "listening"


def test_the_time_for_an_answer_counts_from_when_it_is_begun() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.types(2.0, 2, "never mind")
    bench.joins(2.5, 1)
    assert bench.deadline_s == 22.5


def test_a_listener_that_fails_is_a_failed_turn() -> None:
    bench = Bench()
    bench.speech_starts(1.05)
    orders = bench.listening_fails(1.5, 1)
    assert deeds(orders) == [EndTurn(1, "fake-stt", "broke")]
    assert only(orders, TurnStarted).turn_id == 1
    assert bench.state == "listening"


def test_after_a_listener_failed_the_next_utterance_is_heard() -> None:
    bench = Bench()
    bench.speech_starts(1.05)
    bench.listening_fails(1.5, 1)
    bench.joins(1.5, 1)
    bench.speech_stops(2.0)
    assert only(bench.asks(3.0, 2), StartAttempt).turn_id == 2


def test_a_listener_that_fails_while_its_turn_is_answered_does_not_lose_what_the_caller_says_next() -> None:
    """The caller was heard on by a listener that was gone, and answered without what they had added."""
    bench = Bench(JUDGING)
    bench.asks(1.0, 1)
    assert deeds(bench.listening_fails(2.6, 1)) == []
    orders = bench.speech_starts(3.0, onset_s=2.95)
    assert deeds(orders) == [YieldSpeech(1, "pause"), OpenTurn(2, at(2.7))]
    assert none_of(orders, CancelAttempt)


# Away and back


def test_a_silent_caller_is_away_and_speech_brings_them_back() -> None:
    bench = Bench(floor_settings(away_after_s=30.0))
    assert bench.deadline_s == 30.0
    orders = bench.pass_time_until(30.0)
    assert only(orders, StateChanged) == StateChanged(at(30.0), "listening", "away", "silence", None)
    orders = bench.speech_starts(40.0)
    assert only(orders, StateChanged) == StateChanged(at(40.0), "away", "listening", "return", None)


def test_typing_brings_the_session_back_from_away() -> None:
    bench = Bench(floor_settings(away_after_s=30.0))
    bench.pass_time_until(30.0)
    bench.types(40.0, 1, "hello")
    assert bench.state == "processing"


def test_something_to_say_brings_the_session_back_from_away() -> None:
    bench = Bench(floor_settings(away_after_s=30.0))
    bench.pass_time_until(30.0)
    bench.say(40.0, 1)
    assert bench.state == "processing"


def test_nobody_is_away_while_typed_words_are_answered() -> None:
    bench = Bench(floor_settings(away_after_s=3.0))
    bench.types(1.0, 1, "hello")
    bench.pass_time_until(15.0)
    assert bench.state == "processing"


def test_nobody_is_away_while_somebody_speaks() -> None:
    bench = Bench(floor_settings(away_after_s=3.0))
    bench.speech_starts(2.0)
    assert bench.state == "listening"
    bench.pass_time_until(8.0)
    assert bench.state == "listening"
    bench.speech_stops(8.1, end_s=8.0)
    bench.words(8.2, 1, "two lattes", final=True)
    bench.audio_starts(9.0, 1)
    bench.pass_time_until(15.0)
    assert bench.state == "speaking"
    bench.audio_finishes(15.0, 1)
    assert bench.pass_time_until(17.9) != []  # the join that never came
    assert bench.state == "listening"
    bench.pass_time_until(18.0)
    assert bench.state == "away"


# Endings


def _talk(bench: Bench) -> None:
    bench.is_speaking()


def _think(bench: Bench) -> None:
    bench.asks(1.0, 1)


def _listen(bench: Bench) -> None:
    bench.speech_starts(1.0)


def _leave(bench: Bench) -> None:
    bench.pass_time_until(3.0)


def _nothing(bench: Bench) -> None:
    pass


@pytest.mark.parametrize(
    ("prepare", "state", "undone"),
    [
        (_nothing, "listening", []),
        (_listen, "listening", [DismissTurn(1)]),
        (_think, "processing", [InterruptTurn(1, Cause("hung_up", at(5.0)), "two lattes", closing=True)]),
        (_talk, "speaking", [InterruptTurn(1, Cause("hung_up", at(5.0)), closing=True)]),
        (_leave, "away", []),
    ],
)
def test_hanging_up_ends_the_session_in_every_state(
    prepare: Callable[[Bench], None], state: str, undone: list[Order]
) -> None:
    bench = Bench(floor_settings(away_after_s=3.0 if state == "away" else None))
    prepare(bench)
    assert bench.state == state
    orders = bench.hangs_up(5.0)
    assert deeds(orders) == [*undone, CloseSession("hung_up")]
    assert orders[: len(undone)] == undone
    assert orders[-1] == CloseSession("hung_up")
    assert bench.state == "ended"


def test_hanging_up_before_the_session_is_open_ends_it() -> None:
    bench = Bench(opened=False)
    assert deeds(bench.hangs_up(0.0)) == [CloseSession("hung_up")]


def test_closing_ends_everything_at_once_the_one_who_speaks_first() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.say(1.1, 2)
    bench.speech_starts(1.5)
    cause = Cause("shutdown", at(2.0))
    orders = bench.closes(2.0)
    assert orders[:2] == [InterruptTurn(1, cause, closing=True), InterruptTurn(2, cause, closing=True)]
    assert deeds(orders)[2:] == [DismissTurn(3), CloseSession("shutdown")]


def test_a_challenger_that_the_end_leaves_undecided_is_on_record_as_an_overlap() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.speech_starts(1.5)
    dismissed = only(bench.closes(2.0), UtteranceDismissed)
    assert (dismissed.turn_id, dismissed.challenges, dismissed.evidence) == (2, 1, "shutdown")


def test_closing_ends_a_silenced_turn() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.interrupts(2.0, speech_only=True)
    assert InterruptTurn(1, Cause("shutdown", at(3.0)), closing=True) in bench.closes(3.0)


def test_closing_interrupts_a_turn_that_had_interrupted() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.speech_starts(2.0)
    bench.pass_time_until(2.75)
    assert InterruptTurn(2, Cause("shutdown", at(3.0)), closing=True) in bench.closes(3.0)


def test_every_turn_that_the_end_cancels_is_abandoned_when_it_does_not_stop() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.speech_starts(1.5)
    bench.closes(2.0)
    assert bench.pass_time_until(3.0) == [AbandonTurn(1), AbandonTurn(2)]
    assert bench.floor.deadline is None


def test_after_the_end_nothing_happens() -> None:
    bench = Bench()
    bench.asks(1.0, 1)
    bench.closes(3.0)
    bench.joins(3.0, 1)
    assert bench.audio_starts(3.1, 1) == []
    assert bench.words(3.1, 1, "hello", final=True) == []
    assert bench.speech_starts(3.2) == []
    assert bench.interrupts(3.3) == []
    assert bench.hangs_up(3.4) == []
    assert bench.closes(3.5) == []
    assert bench.floor.deadline is None


def test_what_is_asked_for_after_the_end_is_told_that_it_will_not_be() -> None:
    bench = Bench()
    bench.closes(1.0)
    assert bench.say(2.0, 1) == [InterruptTurn(1, Cause("shutdown", at(2.0)), closing=True)]
    assert bench.types(2.0, 2, "hello") == [InterruptTurn(2, Cause("shutdown", at(2.0)), closing=True)]


# What is not addressed to anybody


def test_inputs_about_turns_that_are_gone_or_were_never_there_are_ignored() -> None:
    bench = Bench()
    bench.is_speaking()
    bench.types(2.0, 2, "never mind")
    bench.joins(2.1, 1)
    for turn_id in (1, 99):
        assert bench.audio_starts(2.2, turn_id) == []
        assert bench.audio_finishes(2.2, turn_id) == []
        assert bench.fails(2.2, turn_id) == []
        assert bench.listening_fails(2.2, turn_id) == []
        assert bench.words(2.2, turn_id, "hello", final=True) == []
        assert bench.joins(2.2, turn_id) == []
        assert bench.cancels_say(2.2, turn_id) == []
    assert bench.state == "processing"


def test_a_session_opens_once() -> None:
    bench = Bench()
    with pytest.raises(ProtocolError, match="'opened' is not possible while listening"):
        bench.feed(SessionOpened(0))


def test_deadlines_that_were_missed_are_made_up_for_in_order_before_the_input_that_came_late() -> None:
    bench = Bench()
    bench.speech_starts(1.05)
    bench.speech_stops(2.1, end_s=2.0)
    bench.words(2.2, 1, "two lattes", final=True)
    orders = bench.feed(CallerHungUp(at(30.0)))
    assert [event.trigger for event in events(orders) if isinstance(event, StateChanged)] == ["answer", "end"]
    assert deeds(orders) == [
        StartAttempt(1, 1, "two lattes", verbatim=False),
        InterruptTurn(1, Cause("hung_up", at(30.0)), "two lattes", closing=True),
        CloseSession("hung_up"),
    ]


def test_ids_for_new_turns_are_never_given_twice() -> None:
    bench = Bench()
    assert bench.floor.next_turn_id == 1
    bench.say(0.5, 1)
    assert bench.floor.next_turn_id == 2
    bench.say(0.6, 7)
    assert bench.floor.next_turn_id == 8
    bench.audio_starts(0.7, 1)
    assert only(bench.speech_starts(1.0), OpenTurn).turn_id == 8


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="join_deadline_s"):
        FloorSettings(join_deadline_s=0.0)
    with pytest.raises(ConfigError, match="answer_timeout_s"):
        FloorSettings(answer_timeout_s=-1.0)
    with pytest.raises(ConfigError, match="away_after_s"):
        FloorSettings(away_after_s=0.0)


# An answer that is taken back and does not stop


def taken_back_and_stuck() -> Bench:
    bench = Bench()
    bench.attempts_stop = False
    bench.speech_starts(1.0)
    bench.speech_stops(2.1, end_s=2.0)
    bench.words(2.2, 1, "two lattes", final=True)
    bench.pass_time_until(2.5)
    bench.speech_starts(3.0)
    return bench


def test_a_turn_whose_cancelled_answer_does_not_stop_has_failed_after_the_join_deadline() -> None:
    bench = taken_back_and_stuck()
    assert deeds(bench.pass_time_until(3.99)) == []
    message = "did not stop when it was cancelled"
    assert deeds(bench.pass_time_until(4.0)) == [EndTurn(1, "attempt", message, "two lattes"), AbandonTurn(1)]
    assert bench.state == "listening"


def test_so_has_one_whose_next_answer_is_due() -> None:
    bench = taken_back_and_stuck()
    bench.speech_stops(3.2, end_s=3.15)
    bench.words(3.25, 1, "please", final=True)
    bench.pass_time_until(3.7)
    assert bench.state == "processing"
    message = "did not stop when it was cancelled"
    assert deeds(bench.pass_time_until(4.0)) == [EndTurn(1, "attempt", message, "two lattes please"), AbandonTurn(1)]
    assert bench.state == "listening"


def test_a_turn_that_is_given_up_is_given_up_once() -> None:
    bench = taken_back_and_stuck()
    bench.pass_time_until(4.0)
    assert AbandonTurn(1) not in bench.pass_time_until(9.0)
