"""What speech over the agent leads to in each phase of its turn: the Floor alone, in seconds."""

from dataclasses import replace
from typing import Any

import pytest

from tests.core.floors import ENDPOINTING, INTERRUPTION, Bench, deeds, floor_settings, none_of, only
from turnscope._errors import ConfigError
from turnscope.core import (
    GATE,
    PHASES,
    Admission,
    AnswerHeld,
    AttemptCancelled,
    CancelAttempt,
    Cause,
    Decided,
    DismissTurn,
    EdgeProfile,
    EndTurn,
    FalseInterruption,
    FlushUtterance,
    Handling,
    HeldWordsLost,
    InterruptionSettings,
    InterruptTurn,
    ListenOn,
    Mute,
    OpenTurn,
    Order,
    PhaseProfile,
    ProtectionChanged,
    ReplyCut,
    Resumed,
    ResumeSpeech,
    SayRequested,
    SpeechComplete,
    SpeechIgnored,
    StartAttempt,
    ToolsDone,
    ToolsRunning,
    TranscriptReceived,
    TranscriptUpdated,
    TurnStarted,
    UtteranceDismissed,
    Yielded,
    YieldSpeech,
    admit,
    mute_in_force,
    to_samples,
)
from turnscope.core._making_good import remedy


def at(seconds: float) -> int:
    return to_samples(seconds)


def bench(**changes: Any) -> Bench:
    """A bench with the default phases, and these settings of interruption."""
    return Bench(floor_settings(interruption=replace(INTERRUPTION, **{"phases": PHASES, **changes})))


def tell(on: Bench, at_s: float, item: Any) -> list[Order]:
    return [*on.pass_time_until(at_s), *on.feed(item)]


def complete(on: Bench, at_s: float, *, until_s: float, text: str = "It is ready.", turn_id: int = 1) -> list[Order]:
    """All speech of the reply has been made; it ends at `until_s`."""
    return tell(on, at_s, SpeechComplete(at(at_s), turn_id, text, at(until_s)))


# The gate


OCCASIONS = ("idle", "thinking", "speaking", "protected", "nearly_finished", "answering_question")


@pytest.mark.feature(33)
def test_the_gate_has_a_row_for_every_occasion_and_both_settings() -> None:
    profiles: tuple[EdgeProfile, ...] = ("turn", "barge_in")
    assert list(GATE) == [(occasion, profile) for occasion in OCCASIONS for profile in profiles]


@pytest.mark.feature(33)
@pytest.mark.parametrize(
    ("occasion", "profile", "judged", "held", "discarded"),
    [
        ("idle", "turn", "listen", "listen", "listen"),
        ("idle", "barge_in", "ignore", "ignore", "ignore"),
        ("thinking", "turn", "judge", "hold", "ignore"),
        ("thinking", "barge_in", "judge", "hold", "ignore"),
        ("speaking", "turn", "ignore", "ignore", "ignore"),
        ("speaking", "barge_in", "judge", "hold", "ignore"),
        ("protected", "turn", "ignore", "ignore", "ignore"),
        ("protected", "barge_in", "judge", "hold", "ignore"),
        ("nearly_finished", "turn", "ignore", "ignore", "ignore"),
        ("nearly_finished", "barge_in", "judge", "hold", "ignore"),
        ("answering_question", "turn", "ignore", "ignore", "ignore"),
        ("answering_question", "barge_in", "judge", "hold", "ignore"),
    ],
)
def test_the_truth_table_of_the_gate(
    occasion: Any, profile: EdgeProfile, judged: Admission, held: Admission, discarded: Admission
) -> None:
    handlings: tuple[Handling, ...] = ("judge", "hold", "discard")
    assert [admit(occasion, profile, handling) for handling in handlings] == [judged, held, discarded]
    assert {admit(occasion, profile, handling, muted=True) for handling in handlings} == {"ignore"}


@pytest.mark.parametrize(
    ("mute", "audible", "has_spoken", "tools_running", "in_force"),
    [
        ("first_speech", True, False, False, True),
        ("first_speech", True, True, False, False),
        ("first_speech", False, False, False, False),
        ("until_first_speech", False, False, False, True),
        ("until_first_speech", True, True, True, False),
        ("tools", False, True, True, True),
        ("tools", True, True, False, False),
        ("agent_speech", True, True, False, True),
        ("agent_speech", False, False, True, False),
    ],
)
def test_the_truth_table_of_mutes(
    mute: Mute, audible: bool, has_spoken: bool, tools_running: bool, in_force: bool
) -> None:
    found = mute_in_force([mute], audible=audible, has_spoken=has_spoken, tools_running=tools_running)
    assert found == (mute if in_force else None)


# Thinking


def thinking(**changes: Any) -> Bench:
    """A caller has asked something until 2.0, and at 2.5 the answer was begun."""
    on = bench(**changes)
    on.asks(1.0, 1)
    return on


@pytest.mark.feature(25)
def test_a_click_while_the_agent_thinks_holds_the_answer_and_does_not_take_it_back() -> None:
    on = thinking()
    orders = on.speech_starts(3.0, profiles=("barge_in",))
    assert deeds(orders) == [YieldSpeech(1, "pause"), ListenOn(1, at(2.7))]
    assert only(orders, AnswerHeld) == AnswerHeld(at(3.0), 1, 1, at(2.95))
    assert deeds(on.speech_stops(3.3, end_s=3.05, profiles=("barge_in",))) == [FlushUtterance(1)]
    orders = on.words(3.5, 1, "", final=True)
    assert deeds(orders) == [ResumeSpeech(1)]
    assert only(orders, Decided) == Decided(at(3.5), 1, 1, "dismiss", "no words", "", 0.1)
    assert on.state == "processing"
    on.audio_starts(3.6, 1)
    assert on.state == "speaking"


@pytest.mark.feature(25, 30)
def test_a_word_takes_the_answer_back_and_is_part_of_the_question() -> None:
    on = thinking()
    on.speech_starts(3.0)
    orders = on.words(3.2, 1, "please")
    assert deeds(orders) == []
    on.speech_stops(3.4, end_s=3.2)
    orders = on.words(3.5, 1, "please", final=True)
    assert deeds(orders) == [CancelAttempt(1, 1, "user_speaking")]
    assert only(orders, Decided).evidence == "words: please"
    assert only(orders, AttemptCancelled).turn_id == 1
    assert on.state == "listening"
    orders = on.pass_time_until(3.8)
    assert only(orders, StartAttempt) == StartAttempt(1, 2, "two lattes please", verbatim=False)


@pytest.mark.feature(25)
def test_speech_that_lasts_takes_it_back_without_words() -> None:
    on = thinking()
    on.speech_starts(3.0, onset_s=2.95)
    assert deeds(on.pass_time_until(3.54)) == []
    orders = on.pass_time_until(3.55)
    assert deeds(orders) == [CancelAttempt(1, 1, "user_speaking")]
    assert only(orders, Decided).evidence == "0.6 s of speech"


def test_words_of_before_that_come_late_are_no_evidence_that_the_caller_goes_on() -> None:
    on = thinking()
    on.speech_starts(3.0, profiles=("barge_in",))
    late = tell(on, 3.1, TranscriptReceived(at(3.1), 1, "with milk", True, at(2.0)))
    assert none_of(late, CancelAttempt, Decided)
    assert only(late, TranscriptUpdated).text == "two lattes with milk"
    late = tell(on, 3.2, TranscriptReceived(at(3.2), 1, "and sugar", True, at(2.0)))
    assert none_of(late, CancelAttempt, Decided)


def test_a_noise_that_goes_on_is_let_be_when_the_window_is_over() -> None:
    profile = PhaseProfile(policy=INTERRUPTION.policy, decision_window_s=0.5)
    on = thinking(phases=replace(PHASES, thinking=profile))
    on.speech_starts(3.0, profiles=("barge_in",))
    assert deeds(on.pass_time_until(3.5)) == [FlushUtterance(1), ResumeSpeech(1)]


def test_an_answer_that_waits_for_another_turn_is_begun_held() -> None:
    on = bench()
    on.is_speaking()
    on.speech_starts(2.0)
    on.words(2.3, 2, "wait")
    on.words(2.4, 2, "wait now")  # turn 1 is interrupted, and its tasks take their time
    on.speech_stops(2.6, end_s=2.5)
    on.words(2.65, 2, "wait now", final=True)
    on.pass_time_until(3.0)
    assert none_of(on.speech_starts(3.1, profiles=("barge_in",)), YieldSpeech)
    assert only(on.joins(3.2, 1), StartAttempt) == StartAttempt(2, 1, "wait now", verbatim=False, held=True)


@pytest.mark.parametrize("stopped", [False, True])
def test_what_the_caller_goes_on_to_say_is_a_turn_of_its_own_when_the_answer_has_failed(stopped: bool) -> None:
    on = thinking()
    on.speech_starts(3.0, onset_s=2.9)
    if stopped:
        on.speech_stops(3.15, end_s=3.1)
    orders = on.fails(3.16, 1)
    assert only(orders, OpenTurn) == OpenTurn(2, at(2.65))
    assert none_of(orders, FlushUtterance) is not stopped


def test_a_reaction_of_carrying_on_holds_nothing_back() -> None:
    on = thinking(phases=replace(PHASES, thinking=PhaseProfile(reaction="continue")))
    assert deeds(on.speech_starts(3.0, profiles=("barge_in",))) == [ListenOn(1, at(2.7))]


# Protected


@pytest.mark.feature(14, 31)
def test_speech_over_protected_words_is_held_or_discarded() -> None:
    on = bench()
    on.is_speaking(protected=True)
    orders = on.speech_starts(2.0)
    assert deeds(orders) == [OpenTurn(2, at(1.7))]
    assert only(orders, Decided).verdict == "hold"

    on = bench(phases=replace(PHASES, protected=PhaseProfile("discard")))
    on.is_speaking(protected=True)
    orders = on.speech_starts(2.0)
    assert deeds(orders) == []
    assert only(orders, SpeechIgnored) == SpeechIgnored(at(2.0), at(1.95), "protected")
    orders = on.audio_finishes(3.0, 1)
    assert only(orders, OpenTurn) == OpenTurn(2, at(3.0)), "who still speaks is heard from then on"


@pytest.mark.feature(31)
def test_no_more_is_held_than_the_newest_utterances() -> None:
    on = bench(hold_at_most=2)
    on.is_speaking(protected=True)
    lost: list[Order] = []
    for number, word in enumerate(["one", "two", "three", "four"]):
        lost += on.speech_starts(2.0 + number)
        lost += on.speech_stops(2.5 + number, end_s=2.4 + number)
        lost += on.words(2.6 + number, 2, word, final=True)
    assert [item.text for item in _events(lost, HeldWordsLost)] == ["one", "two"]
    orders = [*on.audio_finishes(6.0, 1), *on.joins(6.0, 1), *on.pass_time_until(6.1)]
    assert only(orders, StartAttempt).text == "three four"


def _events(orders: list[Order], kind: type[Any]) -> list[Any]:
    return [order.event for order in orders if hasattr(order, "event") and isinstance(order.event, kind)]


# Nearly finished, and asked something


def test_with_little_left_to_say_the_agent_finishes_and_the_words_are_the_next_turn() -> None:
    on = bench()
    on.is_speaking()
    complete(on, 1.5, until_s=2.25)
    orders = on.speech_starts(2.0)
    assert deeds(orders) == [OpenTurn(2, at(1.7))]
    assert only(orders, Decided).evidence == "nearly finished"
    assert none_of(on.words(2.2, 2, "wait now"), InterruptTurn)
    on.audio_finishes(2.25, 1)
    on.joins(2.25, 1)
    on.speech_stops(2.6, end_s=2.5)
    on.words(2.7, 2, "wait now", final=True)
    assert only(on.pass_time_until(3.0), StartAttempt).turn_id == 2


@pytest.mark.parametrize(
    ("left_s", "text", "verdict"),
    [
        (0.5, "Is that all?", "confirm"),
        (1.4, 'She asked: "Is that all?"', "confirm"),
        (1.6, "Is that all?", "dismiss"),
        (0.5, "That is all.", "dismiss"),
    ],
)
def test_at_the_end_of_a_question_yes_is_an_answer(left_s: float, text: str, verdict: str) -> None:
    on = bench()
    on.is_speaking()
    complete(on, 1.5, until_s=2.0 + left_s, text=text)
    on.speech_starts(2.0)
    on.speech_stops(2.3, end_s=2.2)
    orders = on.words(2.4, 2, "mm-hmm", final=True)
    assert only(orders, Decided).verdict == verdict


def test_a_pause_does_not_bring_the_end_nearer() -> None:
    on = bench()
    on.is_speaking()
    complete(on, 1.5, until_s=4.0)
    on.speech_starts(2.0)  # paused, and there are 2 s left
    on.speech_stops(2.4, end_s=2.2)
    orders = on.words(3.95, 2, "", final=True)
    only(orders, Resumed)
    complete(on, 3.95, until_s=5.95)
    only(on.speech_starts(4.0), YieldSpeech)


# Calm


@pytest.mark.feature(30)
def test_in_its_first_moment_a_reply_is_not_interrupted_and_then_what_was_said_is_judged() -> None:
    on = bench(grace_s=2.0)
    on.is_speaking()  # at 1.0
    assert none_of(on.speech_starts(2.0), YieldSpeech)
    on.words(2.3, 2, "wait")
    assert none_of(on.words(2.4, 2, "wait now"), InterruptTurn, Decided)
    orders = on.pass_time_until(3.0)
    assert only(orders, InterruptTurn).cause == Cause("user_speaking", at(3.0), at(1.95), "words: wait now")


@pytest.mark.feature(30)
def test_after_an_interruption_there_is_none_for_a_while() -> None:
    on = bench(cooldown_s=5.0)
    on.is_speaking()
    on.speech_starts(2.0)
    on.words(2.3, 2, "wait")
    on.words(2.4, 2, "wait now")
    on.joins(2.4, 1)
    on.speech_stops(2.6, end_s=2.5)
    on.words(2.7, 2, "wait now", final=True)
    on.pass_time_until(3.0)
    on.audio_starts(3.5, 2)
    assert none_of(on.speech_starts(4.0), YieldSpeech)
    on.speech_stops(4.5, end_s=4.4)
    assert none_of(on.words(4.6, 3, "no", final=True), InterruptTurn)
    assert only(on.pass_time_until(7.4), InterruptTurn).cause.decision == at(7.4)


@pytest.mark.feature(30)
def test_an_80_ms_cough_is_ignored_and_costs_at_most_a_pause() -> None:
    on = bench()
    on.is_speaking()
    on.speech_starts(2.0, onset_s=1.968, profiles=("barge_in",))
    on.speech_stops(2.3, end_s=2.048, profiles=("barge_in",))
    orders = on.words(2.4, 2, "", final=True)
    assert deeds(orders) == [ResumeSpeech(1), DismissTurn(2)]
    assert only(orders, Decided).evidence == "no words"
    assert only(orders, FalseInterruption) == FalseInterruption(at(2.4), 1, 2, "resume")


# Mutes


@pytest.mark.feature(33)
def test_until_its_first_words_are_said_nobody_is_listened_to() -> None:
    on = bench(mute=("until_first_speech",))
    assert only(on.speech_starts(0.2), SpeechIgnored).reason == "until_first_speech"
    on.speech_stops(0.4)
    on.is_speaking()
    assert deeds(on.speech_starts(2.0)) == []
    assert only(on.audio_finishes(3.0, 1), OpenTurn) == OpenTurn(2, at(3.0))
    only(on.speech_stops(3.5), FlushUtterance)


def test_while_tools_run_nobody_is_listened_to() -> None:
    on = bench(mute=("tools",))
    on.is_speaking()
    tell(on, 1.5, ToolsRunning(at(1.5), 1))
    assert deeds(on.speech_starts(2.0)) == []
    orders = tell(on, 2.5, ToolsDone(at(2.5), 1))
    assert deeds(orders) == [YieldSpeech(1, "pause"), OpenTurn(2, at(2.5))]


def test_what_began_before_a_mute_is_heard_to_its_end() -> None:
    on = bench(mute=("agent_speech",))
    on.speech_starts(1.0)
    on.speech_stops(1.5, end_s=1.4)
    assert none_of(on.speech_starts(1.8), SpeechIgnored)


# Priority


def announce(on: Bench, at_s: float, turn_id: int, priority: int = 1, text: str = "Fire!") -> list[Order]:
    return tell(on, at_s, SayRequested(at(at_s), turn_id, text, False, priority))


@pytest.mark.feature(31)
def test_a_message_of_priority_interrupts_what_is_said_and_is_not_interrupted() -> None:
    on = bench()
    on.is_speaking()
    orders = announce(on, 2.0, 2)
    assert only(orders, InterruptTurn).cause == Cause("priority_message", at(2.0))
    assert only(on.joins(2.0, 1), StartAttempt) == StartAttempt(2, 1, "Fire!", verbatim=True)
    on.audio_starts(2.1, 2)
    assert none_of(announce(on, 2.2, 3), InterruptTurn), "one of the same priority waits"
    assert none_of(on.say(2.3, 4), InterruptTurn)
    orders = announce(on, 2.4, 5, priority=2, text="Flood!")
    assert only(orders, InterruptTurn).turn_id == 2
    on.joins(2.4, 2)
    on.audio_starts(2.5, 5)
    on.audio_finishes(3.0, 5)
    assert only(on.joins(3.0, 5), StartAttempt).turn_id == 3, "the highest priority comes first"


@pytest.mark.feature(31)
def test_a_message_of_priority_does_not_wait_for_the_caller_whose_words_are_held() -> None:
    on = bench()
    on.speech_starts(1.0)
    on.words(1.5, 1, "where is")
    orders = announce(on, 2.0, 2)
    assert only(orders, StartAttempt) == StartAttempt(2, 1, "Fire!", verbatim=True)
    assert only(orders, Decided).evidence == "priority message"
    on.audio_starts(2.1, 2)
    on.speech_stops(2.5, end_s=2.4)
    on.words(2.6, 1, "where is my parcel", final=True)
    on.audio_finishes(3.0, 2)
    orders = [*on.joins(3.0, 2), *on.pass_time_until(3.1)]
    assert only(orders, StartAttempt).text == "where is my parcel"


@pytest.mark.feature(31)
def test_a_second_message_of_priority_does_not_wait_for_the_caller_who_spoke_over_the_first() -> None:
    """Found by drawn conversations: the caller was answered before it was said."""
    on = bench()
    announce(on, 1.0, 1)
    on.audio_starts(1.1, 1)
    announce(on, 1.2, 2, text="Flood!")
    on.speech_starts(1.3)
    on.speech_stops(1.9, end_s=1.8)
    on.words(2.0, 3, "where is my parcel", final=True)
    on.audio_finishes(2.5, 1)
    assert only(on.joins(2.5, 1), StartAttempt) == StartAttempt(2, 1, "Flood!", verbatim=True)
    on.audio_starts(2.6, 2)
    on.audio_finishes(3.0, 2)
    orders = [*on.joins(3.0, 2), *on.pass_time_until(3.1)]
    assert only(orders, StartAttempt).text == "where is my parcel"


def test_of_what_waits_the_highest_priority_is_said_first() -> None:
    on = bench()
    on.is_speaking(protected=True)
    on.say(1.1, 2)
    announce(on, 1.2, 3, priority=0)
    assert [say.turn_id for say in on.floor._says] == [2, 3]


# False interruptions


def cut_by_a_noise(**changes: Any) -> tuple[Bench, list[Order]]:
    """At 2.75 a noise since 1.95 has lasted long enough to interrupt turn 1, which had more to say."""
    on = bench(**changes)
    on.is_speaking()
    on.speech_starts(2.0)
    orders = on.pass_time_until(2.75)
    assert only(orders, InterruptTurn).cause.evidence == "0.8 s of speech"
    tell(on, 2.75, ReplyCut(at(2.75), 1, ", and a muffin."))  # as it stood after the last word that was heard
    return on, on.joins(2.8, 1)


@pytest.mark.feature(32)
@pytest.mark.parametrize(
    ("make_good", "said"), [("resume", "and a muffin."), ("reprompt", "Pardon?"), ("nothing", None)]
)
def test_an_interruption_without_words_is_made_good_when_it_ends(make_good: str, said: str | None) -> None:
    on, _ = cut_by_a_noise(make_good=make_good, reprompt_text="Pardon?")
    on.speech_stops(3.0, end_s=2.9)
    on.words(3.1, 2, "", final=True)
    orders = on.pass_time_until(4.0)
    assert only(orders, EndTurn).turn_id == 2
    assert only(orders, FalseInterruption).action == make_good
    if said is None:
        assert none_of(orders, OpenTurn)
    else:
        assert only(orders, TurnStarted).origin == make_good
        assert only(on.joins(4.0, 2), StartAttempt) == StartAttempt(3, 1, said, verbatim=True)


@pytest.mark.feature(32)
def test_a_noise_that_goes_on_is_made_good_by_the_deadline_and_does_not_interrupt_again() -> None:
    on, _ = cut_by_a_noise(words_deadline_s=3.0)
    assert none_of(on.pass_time_until(5.74), FalseInterruption)
    orders = on.pass_time_until(5.75)
    assert only(orders, FalseInterruption) == FalseInterruption(at(5.75), 1, 2, "resume")
    assert only(on.joins(5.8, 2), StartAttempt).text == "and a muffin."
    assert none_of(on.audio_starts(6.0, 3), YieldSpeech), "the noise still goes on"
    assert none_of(on.pass_time_until(7.9), InterruptTurn, YieldSpeech)
    on.words(7.9, 4, "wait")
    assert only(on.words(7.95, 4, "wait now"), InterruptTurn).turn_id == 3, "words in it do interrupt"


def test_words_in_time_make_it_an_interruption() -> None:
    on, _ = cut_by_a_noise()
    on.words(5.0, 2, "wait")
    assert none_of(on.pass_time_until(20.0), FalseInterruption)


def test_with_nothing_left_to_say_nothing_is_made_good() -> None:
    on = bench()
    on.is_speaking()
    on.speech_starts(2.0)
    on.pass_time_until(2.75)
    tell(on, 2.75, ReplyCut(at(2.75), 1, ""))
    orders = on.pass_time_until(6.0)
    assert only(orders, FalseInterruption).action == "nothing"
    assert none_of(orders, TurnStarted)


def test_a_nod_is_no_false_interruption() -> None:
    on = bench()
    on.is_speaking()
    on.speech_starts(2.0)
    on.speech_stops(2.3, end_s=2.2)
    orders = on.words(2.4, 2, "mm-hmm", final=True)
    assert none_of(orders, FalseInterruption)
    assert only(orders, UtteranceDismissed).evidence == "backchannel"
    only(orders, Resumed)


def test_each_phase_has_settings_of_its_own() -> None:
    quiet = PhaseProfile(reaction="duck", decision_window_s=0.5)
    on = bench(phases=replace(PHASES, speaking=quiet))
    on.is_speaking()
    assert only(on.speech_starts(2.0, profiles=("barge_in",)), Yielded).reaction == "duck"
    assert only(on.pass_time_until(2.5), Decided).evidence == "no words in time"


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: PhaseProfile("shout"), "handling must be"),  # type: ignore[arg-type]
        (lambda: PhaseProfile(reaction="shout"), "reaction must be"),  # type: ignore[arg-type]
        (lambda: PhaseProfile(decision_window_s=0.0), "decision_window_s must be positive"),
        (lambda: replace(PHASES, thinking=PhaseProfile("hold")), 'thinking.handling must be "judge"'),
        (lambda: replace(PHASES, protected=PhaseProfile()), "protected.handling must be"),
        (lambda: InterruptionSettings(mute=("always",)), "mute must be made of"),  # type: ignore[arg-type]
        (lambda: InterruptionSettings(hold_at_most=0), "hold_at_most must be"),
        (lambda: InterruptionSettings(words_deadline_s=0.0), "words_deadline_s must be positive"),
        (lambda: InterruptionSettings(cooldown_s=-1.0), "cooldown_s must not be negative"),
        (lambda: InterruptionSettings(make_good="cry"), "make_good must be"),  # type: ignore[arg-type]
        (lambda: InterruptionSettings(make_good="reprompt", reprompt_text=" "), "reprompt_text must hold words"),
        (lambda: InterruptionSettings(duck_ramp_s=0.3), "duck_ramp_s must be"),
        (lambda: replace(floor_settings(), turn_mode="telepathy"), "turn_mode must be one of"),  # type: ignore[arg-type]
    ],
)
def test_settings_that_make_no_sense_are_refused(make: Any, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        make()


def test_words_that_were_understood_while_it_was_open_whether_they_go_on_are_not_lost_to_typed_ones() -> None:
    on = thinking()
    on.speech_starts(3.0)
    on.words(3.2, 1, "please")
    assert only(on.types(3.3, 2, "never mind"), InterruptTurn).asked == "two lattes please"


def test_a_reply_is_not_resumed_with_a_comma() -> None:
    """What the caller had not heard begins behind the last word that they had: with whatever stands there."""
    assert remedy(InterruptionSettings(), ", — and a muffin.") == ("resume", "and a muffin.")
    assert remedy(InterruptionSettings(), '."') == ("nothing", "")
    assert remedy(InterruptionSettings(make_good="reprompt", reprompt_text="Pardon?"), "") == ("reprompt", "Pardon?")


def test_who_is_heard_again_when_a_mute_ends_challenges_a_turn_that_has_begun() -> None:
    """The order to interrupt the new turn came before the one to open it."""
    on = Bench(floor_settings(interruption=replace(INTERRUPTION, mute=("agent_speech",))))
    on.types(1.0, 1, "hello")
    on.audio_starts(1.5, 1)
    on.speech_starts(2.0)
    orders = deeds(on.types(2.5, 2, "never mind"))
    cut = [order for order in orders if isinstance(order, InterruptTurn) and order.turn_id == 2]
    assert orders.index(OpenTurn(2, None)) < orders.index(cut[0])


def test_a_turn_that_was_to_be_cut_off_for_its_length_is_held_by_a_message_of_priority() -> None:
    """Its next words were answered while the message was being said."""
    on = Bench(floor_settings(endpointing=replace(ENDPOINTING, max_turn_s=1.0)))
    on.speech_starts(1.0)
    on.pass_time_until(2.5)  # too long, and without words
    announce(on, 2.6, 2)
    assert none_of(on.words(2.7, 1, "where is my parcel", final=True), StartAttempt)
    on.audio_starts(2.8, 2)
    on.speech_stops(2.9)
    on.words(3.0, 1, "please", final=True)
    on.audio_finishes(3.5, 2)
    orders = [*on.joins(3.5, 2), *on.pass_time_until(3.6)]
    assert only(orders, StartAttempt).text == "where is my parcel please"


def test_an_answer_to_a_turn_that_was_cut_off_for_its_length_can_be_protected_before_it_is_heard() -> None:
    """Found by the machine of the Floor: the turn heard on, while what the caller said next was listened to as well."""
    on = Bench(floor_settings(endpointing=replace(ENDPOINTING, max_turn_s=1.0)))
    on.speech_starts(1.0)
    on.words(1.5, 1, "where is my parcel", final=True)
    assert only(on.pass_time_until(2.1), StartAttempt).turn_id == 1
    on.speech_stops(2.2)
    on.feed(ProtectionChanged(to_samples(2.3), 1, allow_interruptions=False))
    orders = deeds(on.speech_starts(2.4))
    assert orders[0] == FlushUtterance(1)
    assert isinstance(orders[1], OpenTurn)
