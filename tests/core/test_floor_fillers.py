"""When the Floor has a wait filled, and what it makes of the filler."""

from dataclasses import replace

from tests.core.floors import INTERRUPTION, Bench, deeds, floor_settings
from turnscope.core import (
    AudioStalled,
    AudioWentOn,
    CancelAttempt,
    EndTurn,
    FillerFinished,
    FillerStarted,
    FlushUtterance,
    InterruptionSettings,
    InterruptTurn,
    OpenTurn,
    PhaseProfile,
    Phases,
    SpeechStarted,
    StartFiller,
    ToolsRunning,
    WordsPolicy,
    YieldSpeech,
    to_samples,
)


def asked(at_most: int | None = 2, interruption: InterruptionSettings = INTERRUPTION) -> Bench:
    """Turn 1 is being answered since 1.5 s, and waits are filled after 1 s."""
    bench = Bench(replace(floor_settings(interruption=interruption), filler_after_s=1.0, fillers_at_most=at_most))
    bench.asks(0.0, 1)
    return bench


def filled() -> Bench:
    """A filler is heard since 2.6 s."""
    bench = asked()
    bench.pass_time_until(2.5)
    bench.feed(FillerStarted(to_samples(2.6), 1))
    return bench


def test_a_wait_is_filled_once_and_its_deadline_stands() -> None:
    bench = filled()
    assert [order for order in bench.orders if isinstance(order, StartFiller)] == [StartFiller(1, 0)]
    bench.feed(FillerFinished(to_samples(3.5), 1, "played"))
    assert bench.deadline_s == 21.5
    assert EndTurn(1, "answer", "gave no audio within 20 s", "two lattes") in bench.pass_time_until(21.5)


def test_an_answer_that_is_heard_needs_none() -> None:
    bench = asked()
    bench.audio_starts(2.4, 1)
    assert bench.deadline_s is None


def test_whoever_speaks_over_it_is_a_challenger_and_interrupts_the_turn() -> None:
    bench = filled()
    assert bench.floor.agent_is_audible
    assert bench.state == "processing"
    assert YieldSpeech(1, "pause") in bench.speech_starts(3.0)
    bench.feed(FillerFinished(to_samples(3.0), 1, "stopped"))
    orders = [*bench.words(3.4, 2, "wait"), *bench.words(3.5, 2, "wait stop")]
    assert [order.turn_id for order in orders if isinstance(order, InterruptTurn)] == [1]
    assert not bench.floor.agent_is_audible


def test_a_challenger_hears_nothing_that_was_said_before() -> None:
    bench = filled()
    orders = bench.feed(SpeechStarted(to_samples(2.7), to_samples(2.65), 0, "barge_in"))
    [opened] = [order for order in orders if isinstance(order, OpenTurn)]
    assert opened.listen_from == to_samples(1.0), "the caller's turn ended there"


def test_whoever_was_going_on_when_it_began_is_not_also_a_challenger() -> None:
    thinking = PhaseProfile(policy=WordsPolicy(min_speech_s=0.6), reaction="continue")
    bench = asked(interruption=replace(INTERRUPTION, phases=Phases(thinking=thinking)))
    bench.pass_time_until(2.5)
    bench.speech_starts(2.55, profiles=("turn",))
    bench.feed(FillerStarted(to_samples(2.6), 1))
    orders = bench.speech_starts(2.65, 2.5, profiles=("barge_in",))
    assert not [order for order in orders if isinstance(order, OpenTurn)]
    assert [type(order) for order in deeds(bench.pass_time_until(3.2))] == [CancelAttempt]


def test_an_answer_that_is_taken_back_is_not_waited_for() -> None:
    bench = asked()
    bench.speech_starts(2.0)
    assert bench.deadline_s is not None
    assert bench.deadline_s > 2.5


def test_after_it_the_caller_goes_on_with_their_turn() -> None:
    bench = filled()
    bench.feed(FillerFinished(to_samples(3.5), 1, "played"))
    orders = deeds(bench.speech_starts(4.0))
    assert "CancelAttempt" in [type(order).__name__ for order in orders]
    assert bench.deadline_s != 2.5


def test_one_that_was_stopped_may_be_followed_by_another_if_there_may_be_so_many() -> None:
    for at_most, follows in ((1, []), (2, [StartFiller(1, 1)]), (None, [StartFiller(1, 1)])):
        bench = asked(at_most)
        bench.pass_time_until(2.5)
        bench.feed(FillerStarted(to_samples(2.6), 1))
        bench.feed(FillerFinished(to_samples(3.0), 1, "stopped"))
        assert [order for order in bench.pass_time_until(4.0) if isinstance(order, StartFiller)] == follows


def test_a_model_that_pauses_is_not_talked_into_and_one_that_waits_for_tools_is() -> None:
    for tools in (False, True):
        bench = asked()
        bench.audio_starts(2.0, 1)
        if tools:
            bench.feed(ToolsRunning(to_samples(2.5), 1))
        bench.feed(AudioStalled(to_samples(4.5), 1, to_samples(4.0), "answer"))
        bench.pass_time_until(5.0)
        assert (StartFiller(1, 0) in bench.orders) is tools
        bench.feed(AudioWentOn(to_samples(5.5), 1))
        assert bench.deadline_s is None


def test_a_turn_that_was_cut_for_its_length_hears_no_more_when_it_is_filled() -> None:
    """Found by the machine of the Floor: else two listen to the next words."""
    bench = Bench(replace(floor_settings(), filler_after_s=1.0))
    bench.speech_starts(0.1)
    bench.words(5.0, 1, "two lattes")
    bench.pass_time_until(10.5)
    bench.speech_stops(10.8)
    assert StartFiller(1, 0) in bench.pass_time_until(11.5)
    assert FlushUtterance(1) in bench.feed(FillerStarted(to_samples(11.6), 1))
    assert [type(order) for order in deeds(bench.speech_starts(12.0)) if isinstance(order, OpenTurn)] == [OpenTurn]
