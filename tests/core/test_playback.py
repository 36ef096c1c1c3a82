"""The voice of one reply: what is played, faded, repeated and never played, to the sample."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnscope.core import Playback, Samples, Segment, fade_out

FADE = 8


def speech(count: int, start: int = 0) -> Samples:
    """Samples that tell where they come from, and are exact in float32."""
    return (np.arange(start + 1, start + count + 1) / 2**16).astype(np.float32)


def a_playback(count: int = 100, *, fade: int = FADE) -> Playback:
    playback = Playback(fade)
    playback.push(speech(count))
    return playback


def taken(playback: Playback, count: int, at: int) -> list[float]:
    frame = playback.take(count, at)
    return [] if frame is None else frame.tolist()


def test_speech_is_played_as_it_came() -> None:
    playback = a_playback(10)
    playback.push(speech(5, start=10))
    playback.end()
    assert taken(playback, 12, 0) + taken(playback, 12, 12) == speech(15).tolist()
    assert playback.segments == [Segment(0, 15, 0, 1.0, 1.0)]
    assert playback.heard_until == playback.received == 15
    assert playback.done


def test_there_is_nothing_to_play_before_speech_comes_and_it_is_not_done_then() -> None:
    playback = Playback(FADE)
    assert playback.take(10, 0) is None
    assert not playback.playable
    assert not playback.done
    playback.push(speech(5))
    assert playback.playable
    assert playback.buffered == 5


def test_it_is_done_when_all_was_played_and_no_more_comes() -> None:
    playback = a_playback(10)
    playback.take(10, 0)
    assert not playback.done
    playback.end()
    assert playback.done


def test_a_gap_in_the_output_begins_a_new_segment() -> None:
    playback = a_playback(20)
    playback.take(10, 0)
    playback.take(10, 50)
    assert playback.segments == [Segment(0, 10, 0, 1.0, 1.0), Segment(10, 20, 50, 1.0, 1.0)]
    assert playback.segments[1].output_stop == 60


def test_a_pause_plays_its_tail_and_then_nothing() -> None:
    playback = a_playback()
    playback.take(10, 0)
    assert playback.pause(10) == 18
    assert taken(playback, 5, 10) + taken(playback, 5, 15) == fade_out(speech(8, start=10), 8).tolist()
    assert playback.take(10, 20) is None
    assert not playback.playable
    assert playback.paused
    assert playback.segments == [Segment(0, 10, 0, 1.0, 1.0), Segment(10, 18, 10, 1.0, 0.0)]
    assert playback.heard_until == 10, "a tail does not count as heard"


def test_a_pause_is_not_the_end_even_when_nothing_is_left() -> None:
    playback = a_playback(10)
    playback.end()
    playback.take(10, 0)
    playback.pause(10)
    assert not playback.done


def test_after_a_pause_speech_goes_on_where_it_was_asked_to_and_loses_nothing() -> None:
    playback = a_playback()
    playback.take(30, 0)
    playback.pause(30)
    playback.take(20, 30)
    playback.resume(24)
    assert not playback.paused
    assert taken(playback, 10, 100) == speech(10, start=24).tolist()
    assert playback.segments[-1] == Segment(24, 34, 100, 1.0, 1.0)
    assert playback.heard_until == 34


def test_resuming_never_leaps_over_speech_that_was_not_heard() -> None:
    playback = a_playback()
    playback.take(30, 0)
    playback.pause(30)
    playback.take(20, 30)
    playback.resume(70)
    assert taken(playback, 5, 50) == speech(5, start=30).tolist()


def test_it_tells_where_a_sample_of_the_speech_was_last_played() -> None:
    playback = a_playback()
    playback.take(30, 100)
    assert playback.output_position(0) == 100
    assert playback.output_position(29) == 129
    assert playback.output_position(30) is None
    playback.pause(130)
    playback.take(20, 130)
    playback.resume(25)
    playback.take(10, 200)
    assert playback.output_position(24) == 124
    assert playback.output_position(25) == 200, "it was repeated"


def test_a_second_pause_changes_nothing() -> None:
    playback = a_playback()
    playback.take(10, 0)
    playback.pause(10)
    segments = list(playback.segments)
    assert playback.pause(12) == 12
    assert playback.segments == segments


def test_a_pause_before_the_first_sample_is_silent() -> None:
    """It played the tail of speech that nobody had begun to hear."""
    playback = a_playback()
    assert playback.pause(5) == 5
    assert playback.take(10, 5) is None
    assert playback.segments == []
    playback.resume(0)
    assert taken(playback, 10, 50) == speech(10).tolist()


def test_ducking_goes_down_and_up_again_in_ramps() -> None:
    playback = Playback(FADE)
    playback.push(np.ones(2000, np.float32))
    playback.take(10, 0)
    playback.duck(0.25)
    down = np.concatenate([playback.take(100, 0) for _ in range(5)])
    assert (np.diff(down) <= 0).all()
    assert 0.99 < down[0] < 1.0
    assert set(down[320:]) == {0.25}
    playback.duck(1.0)
    up = np.concatenate([playback.take(100, 0) for _ in range(5)])
    assert (np.diff(up) >= 0).all()
    assert 0.25 < up[0] < 0.26
    assert set(up[320:]) == {1.0}
    assert np.abs(np.diff(np.concatenate([down, up]))).max() < 0.01, "no step is heard"


def test_a_pause_while_ducked_fades_from_there() -> None:
    playback = Playback(FADE)
    playback.push(np.ones(1000, np.float32))
    playback.take(10, 0)
    playback.duck(0.25)
    playback.take(400, 10)
    playback.pause(410)
    tail = playback.take(20, 410)
    assert tail is not None
    assert len(tail) == 8
    assert (np.diff(tail) <= 0).all()
    assert 0.2 < tail[0] <= 0.25
    assert tail[-1] == 0.0
    playback.resume(0)
    assert taken(playback, 2, 500) == [1.0, 1.0], "whoever speaks on does so at full level"


def test_shutting_plays_a_tail_and_then_nothing_ever() -> None:
    playback = a_playback()
    playback.take(10, 0)
    assert playback.shut(10) == 18
    playback.push(speech(50, start=100))
    assert taken(playback, 100, 10) == fade_out(speech(8, start=10), 8).tolist()
    assert playback.take(10, 18) is None
    playback.resume(0)
    assert playback.take(10, 30) is None
    assert playback.done
    assert playback.received == 100
    assert playback.heard_until == 10


def test_shutting_again_changes_nothing() -> None:
    playback = a_playback()
    playback.take(10, 0)
    playback.shut(10)
    segments = list(playback.segments)
    assert playback.shut(11) is None
    assert playback.segments == segments
    assert len(taken(playback, 100, 10)) == 8


def test_the_tail_is_shorter_when_less_speech_is_left() -> None:
    playback = a_playback(13)
    playback.take(10, 0)
    assert playback.shut(10) == 13
    assert taken(playback, 100, 10) == fade_out(speech(3, start=10), 3).tolist()


def test_without_a_fade_silence_is_at_once() -> None:
    playback = a_playback(fade=0)
    playback.take(10, 0)
    assert playback.shut(10) == 10
    assert playback.take(10, 10) is None
    assert playback.done


def test_what_was_never_heard_is_shut_without_a_sound() -> None:
    playback = a_playback()
    assert playback.shut(5) is None
    assert playback.take(10, 5) is None
    assert playback.done
    assert playback.segments == []


def test_shutting_in_a_pause_is_silent_since_the_pause() -> None:
    playback = a_playback()
    playback.take(10, 0)
    playback.pause(10)
    playback.take(10, 10)
    assert playback.shut(50) == 18
    assert playback.done


def test_shutting_during_the_tail_of_a_pause_lets_that_tail_end() -> None:
    playback = a_playback()
    playback.take(10, 0)
    playback.pause(10)
    playback.take(5, 10)
    assert playback.shut(15) == 18
    assert len(taken(playback, 20, 15)) == 3
    assert playback.done


def test_shutting_between_a_resumption_and_its_first_sample_makes_no_sound() -> None:
    """It played a tail of speech that had not been taken up again."""
    playback = a_playback()
    playback.take(10, 0)
    playback.pause(10)
    playback.take(10, 10)
    playback.resume(5)
    assert playback.shut(50) == 18
    assert playback.take(10, 50) is None


def test_shutting_after_all_was_played_says_when_it_ended() -> None:
    playback = a_playback(10)
    playback.take(10, 0)
    assert playback.shut(40) == 10
    assert playback.done


def test_speech_that_was_played_long_ago_is_forgotten() -> None:
    playback = Playback(FADE)
    for start in range(0, 400_000, 10_000):
        playback.push(np.ones(10_000, np.float32))
        playback.take(10_000, start)
    playback.pause(400_000)
    playback.resume(0)
    assert 0 < playback.buffered <= 250_000, "five seconds at 48 kHz, and a chunk"


# Anything, in any order

OPERATIONS = st.one_of(
    st.tuples(st.just("push"), st.integers(0, 40)),
    st.tuples(st.just("take"), st.integers(1, 25)),
    st.tuples(st.just("take"), st.integers(1, 25)),
    st.tuples(st.just("idle"), st.integers(1, 30)),
    st.tuples(st.just("pause"), st.just(0)),
    st.tuples(st.just("resume"), st.integers(0, 20)),
    st.tuples(st.just("duck"), st.integers(0, 4)),
    st.tuples(st.just("shut"), st.just(0)),
)


@dataclass
class Listener:
    """Plays two playbacks alike: one of samples that tell where they come from, and one of ones that tell the gain."""

    fade: int
    at: int = 0
    said: int = 0
    output: list[float] = field(default_factory=list)
    gains: list[float] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.voice, self.level = Playback(self.fade), Playback(self.fade)

    def do(self, what: str, number: int) -> None:
        match what:
            case "push":
                self.voice.push(speech(number, self.said))
                self.level.push(np.ones(number, np.float32))
                self.said = self.voice.received
            case "take":
                frame, gains = self.voice.take(number, self.at), self.level.take(number, self.at)
                assert (frame is None) == (gains is None)
                if frame is not None and gains is not None:
                    assert 0 < len(frame) <= number
                    self.output += frame.tolist()
                    self.gains += gains.tolist()
                    self.places += range(self.at, self.at + len(frame))
                    self.at += len(frame)
            case "idle":
                if not self.voice.playable:
                    self.at += number
            case "pause":
                assert self.voice.pause(self.at) == self.level.pause(self.at)
            case "resume":
                if self.voice.paused:
                    for playback in (self.voice, self.level):
                        playback.resume(max(playback.heard_until - number, 0))
            case "duck":
                for playback in (self.voice, self.level):
                    playback.duck(number / 4)
            case "shut":
                assert self.voice.shut(self.at) == self.level.shut(self.at)

    def drain(self) -> None:
        while self.voice.playable:
            self.do("take", 100)


@given(st.lists(OPERATIONS, max_size=40), st.sampled_from([0, 1, 8, 50]))
@settings(max_examples=300, deadline=None)
def test_the_segments_tell_what_every_sample_of_the_output_was(operations: list[tuple[str, int]], fade: int) -> None:
    listener = Listener(fade)
    for what, number in operations:
        listener.do(what, number)
    listener.drain()
    told = [
        (segment.output_start + index, source)
        for segment in listener.voice.segments
        for index, source in enumerate(range(segment.source_start, segment.source_stop))
    ]
    assert [place for place, _ in told] == listener.places
    sources = np.array([source for _, source in told], dtype=np.float64) + 1
    expected = (sources / 2**16).astype(np.float32) * np.array(listener.gains, np.float32)
    assert listener.output == expected.tolist()
    for segment in listener.voice.segments:
        start = listener.places.index(segment.output_start)
        gains = np.array(listener.gains[start : start + segment.source_stop - segment.source_start])
        steps = np.diff(np.concatenate([[np.float32(segment.gain_start)], gains]))
        assert (steps <= 0).all() or (steps >= 0).all(), "a segment's level goes one way"
        assert gains[-1] == np.float32(segment.gain_stop)


@given(st.lists(OPERATIONS, max_size=40), st.sampled_from([0, 8, 50]))
@settings(max_examples=300, deadline=None)
def test_what_counts_as_heard_was_handed_out_and_only_grows(operations: list[tuple[str, int]], fade: int) -> None:
    listener = Listener(fade)
    heard = 0
    for what, number in operations:
        before = len(listener.output)
        paused = listener.voice.paused
        listener.do(what, number)
        assert heard <= listener.voice.heard_until <= listener.voice.received
        if listener.voice.heard_until > heard:
            assert what == "take"
            assert listener.voice.heard_until - heard <= len(listener.output) - before
        heard = listener.voice.heard_until
        assert not (paused and what == "take" and listener.voice.heard_until > heard)
    handed_out = {
        source for segment in listener.voice.segments for source in range(segment.source_start, segment.source_stop)
    }
    assert handed_out >= set(range(heard)), "no sample before it was left out"


@given(st.lists(OPERATIONS, max_size=25), st.lists(OPERATIONS, max_size=25), st.sampled_from([0, 8, 50]))
@settings(max_examples=300, deadline=None)
def test_after_it_was_shut_nothing_but_the_tail_comes(
    before: list[tuple[str, int]], after: list[tuple[str, int]], fade: int
) -> None:
    listener = Listener(fade)
    for what, number in before:
        listener.do(what, number)
    shut_already = listener.voice.done and listener.voice.buffered > 0
    played, at = len(listener.output), listener.at
    silence = listener.voice.shut(at)
    listener.level.shut(at)
    for what, number in after:
        listener.do(what, number)
    listener.drain()
    tail = listener.gains[played:]
    assert len(tail) <= fade
    assert (np.diff(tail) <= 0).all()
    assert not tail or tail[-1] == 0.0
    if silence is None:
        assert not tail or shut_already or "shut" in dict(before)
    else:
        assert len(tail) == max(silence - at, 0)
    assert listener.voice.done


@given(st.lists(OPERATIONS, max_size=30), st.integers(0, 60))
@settings(max_examples=200, deadline=None)
def test_resuming_goes_back_as_far_as_was_asked_and_never_forward(operations: list[tuple[str, int]], back: int) -> None:
    listener = Listener(8)
    for what, number in operations:
        listener.do(what, number)
    listener.do("pause", 0)
    listener.drain()
    voice = listener.voice
    played, heard, next_sample = len(voice.segments), voice.heard_until, voice.received - voice.buffered
    listener.do("resume", back)
    listener.do("take", 100)
    for segment in voice.segments[played:]:
        assert segment.source_start == min(max(heard - back, 0), next_sample)


@pytest.mark.parametrize("count", [1, 7, 320, 1000])
def test_how_it_is_cut_into_frames_does_not_change_the_sound(count: int) -> None:
    def play(frame: int) -> list[float]:
        playback = Playback(FADE)
        playback.push(np.ones(2000, np.float32))
        output: list[float] = []
        playback.duck(0.25)
        while len(output) < 1000:
            output += taken(playback, min(frame, 1000 - len(output)), len(output))
        return output

    assert play(count) == pytest.approx(play(1000), abs=1e-5)


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250, 300, 1000])
def test_what_was_dropped_unheard_is_played_again_and_does_not_count_as_heard(count: int) -> None:
    playback = Playback(fade_samples=50)
    speech = np.linspace(0.1, 0.9, 400, dtype=np.float32)
    playback.push(speech)
    for at in (0, 100, 200):
        playback.take(100, at)
    playback.take_back(count)
    kept = max(300 - count, 0)
    assert playback.heard_until == kept
    assert playback.buffered == 400 - kept
    again = playback.take(400, kept)
    assert again is not None
    assert np.array_equal(again, speech[kept:])


def test_a_fade_after_a_drop_begins_where_the_drop_began() -> None:
    playback = Playback(fade_samples=50)
    playback.push(np.full(400, 0.5, dtype=np.float32))
    playback.take(200, 0)
    playback.take_back(80)
    assert playback.shut(120) == 170
    assert playback.heard_until == 120
    tail = playback.take(400, 120)
    assert tail is not None
    assert len(tail) == 50


@pytest.mark.parametrize("hz", [8_000, 16_000, 48_000])
def test_a_change_of_level_takes_as_long_at_every_rate(hz: int) -> None:
    playback = Playback(FADE, hz=hz)
    playback.push(np.ones(hz, np.float32))
    playback.duck(0.25)
    ramp = playback.take(hz, 0)
    assert ramp is not None
    assert int(np.argmax(ramp == 0.25)) == hz // 50 - 1, "20 ms, the last sample of which has the new level"


def test_a_change_of_level_takes_as_long_as_it_is_told_to() -> None:
    playback = Playback(FADE, ramp_samples=0)
    playback.push(np.ones(100, np.float32))
    playback.duck(0.25)
    assert set(taken(playback, 100, 0)) == {0.25}


@pytest.mark.parametrize("hz", [8_000, 48_000])
def test_speech_can_be_resumed_from_as_long_ago_at_every_rate(hz: int) -> None:
    playback = Playback(FADE, hz=hz)
    for second in range(8):
        playback.push(np.full(hz, second, np.float32))
    for second in range(8):
        playback.take(hz, second * hz)
    playback.pause(8 * hz)
    playback.resume(0)
    assert taken(playback, 1, 8 * hz) == [2.0], "five seconds before the last piece that was begun"


@pytest.mark.parametrize("count", [0, 1, 50, 99, 150, 319, 320, 400])
def test_speech_that_was_dropped_on_the_way_down_is_played_at_the_level_it_had_there(count: int) -> None:
    """It went on at the level that it would have had after what was dropped: there was a step."""
    playback = Playback(FADE, ramp_samples=200)
    playback.push(np.ones(2_000, np.float32))
    before = taken(playback, 100, 0)
    playback.duck(0.25)
    before += taken(playback, 300, 100)
    playback.take_back(count)
    kept = before[: 400 - count]
    after = taken(playback, 1_000, len(kept))
    assert np.abs(np.diff([*kept, *after])).max() < 0.0039, "as in a ramp that nothing had interrupted"
    assert set(after[201:]) == {0.25}


@pytest.mark.parametrize(("played", "dropped"), [(3, 2), (8, 5), (8, 8), (0, 0)])
def test_a_fade_that_was_dropped_on_its_way_goes_on_where_it_was_dropped(played: int, dropped: int) -> None:
    playback = a_playback()
    playback.take(10, 0)
    playback.pause(10)
    playback.take(played, 10)
    playback.take_back(dropped)
    assert playback.shut(10 + played - dropped) == 18
    tail = fade_out(speech(8, start=10), 8).tolist()
    assert taken(playback, 20, 10 + played - dropped) == tail[played - dropped :]
    assert playback.heard_until == 10


def test_speech_that_comes_after_a_standstill_is_not_faded_before_it_was_heard() -> None:
    """Found by the machine of conversations: something else was heard while this voice stood still."""
    playback = Playback(FADE, hz=1000)
    playback.push(speech(10))
    assert len(taken(playback, 10, 0)) == 10
    playback.push(speech(50, start=10))
    assert playback.shut(500) == 10
    assert not playback.playable
