"""The caller who is a recording: everything happens at exact places on the clock."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from turnscope._errors import AudioError, ConfigError, TransportError
from turnscope.core import Samples
from turnscope.sim import run_virtual
from turnscope.transports import InputFrame, Transport, WavTransport, write_wav
from turnscope.transports import Playhead as At

HZ = 16_000
FRAME = 320


def counting(count: int, start: int = 1) -> Samples:
    """Samples that can be told apart, none of them zero."""
    return np.arange(start, start + count, dtype=np.float32) * np.float32(1 / 65_536)


async def hear_all(transport: WavTransport) -> list[tuple[float, InputFrame]]:
    """Every frame, with the time when it came."""
    began, frames = trio.current_time(), []
    while (frame := await transport.receive()) is not None:
        frames.append((trio.current_time() - began, frame))
    return frames


def test_it_is_a_transport() -> None:
    transport: Transport = WavTransport(counting(10))
    assert isinstance(transport, Transport)


@given(st.integers(0, 5000), st.integers(1, 900), st.integers(0, 2000))
def test_the_caller_is_heard_whole_in_frames_at_their_times(count: int, frame: int, tail: int) -> None:
    transport = WavTransport(counting(count), frame_s=frame / HZ, tail_s=tail / HZ)
    frames = run_virtual(lambda _: hear_all(transport), seed=0)
    heard = [sample for _, piece in frames for sample in piece.samples.tolist()]
    assert heard == [*counting(count).tolist(), *[0.0] * tail]
    assert [piece.start for _, piece in frames] == list(range(0, count + tail, frame))
    assert [at for at, _ in frames] == [(piece.start + piece.samples.size) / HZ for _, piece in frames]


async def test_an_hour_does_not_drift() -> None:
    transport = WavTransport(np.zeros(0, np.float32), tail_s=3600.0, frame_s=0.5)
    frames = await hear_all(transport)
    assert frames[-1][0] == 3600.0
    assert frames[-1][1].start + frames[-1][1].samples.size == 3600 * HZ


async def test_after_the_end_the_caller_stays_gone() -> None:
    transport = WavTransport(counting(10))
    await hear_all(transport)
    assert [await transport.receive() for _ in range(3)] == [None, None, None]


async def test_a_cancelled_receive_loses_no_sample() -> None:
    transport = WavTransport(counting(4 * FRAME))
    first = await transport.receive()
    with trio.move_on_after(0.005) as scope:
        await transport.receive()
    assert scope.cancelled_caught
    second = await transport.receive()
    assert first is not None
    assert second is not None
    assert (first.start, second.start) == (0, FRAME)


async def test_a_late_receiver_gets_its_frames_in_a_burst_and_the_call_does_not_shift() -> None:
    transport = WavTransport(counting(10 * FRAME))
    began = trio.current_time()
    await transport.receive()
    await trio.sleep_until(began + 0.105)
    times = []
    while await transport.receive():
        times.append(round(trio.current_time() - began, 6))
    assert times == [0.105, 0.105, 0.105, 0.105, 0.12, 0.14, 0.16, 0.18, 0.2]


async def test_files_of_any_rate_are_spoken_at_the_sessions(tmp_path: Path) -> None:
    write_wav(tmp_path / "in.wav", np.zeros((4410, 2), np.float32), 44_100)
    transport = WavTransport(tmp_path / "in.wav", input_hz=24_000)
    assert sum(frame.samples.size for _, frame in await hear_all(transport)) == 2400


def test_a_missing_file_is_an_error_before_the_call() -> None:
    with pytest.raises(AudioError, match=r"nowhere\.wav: there is no such file"):
        WavTransport("nowhere.wav")


async def test_what_is_sent_is_heard_from_that_moment_of_the_clock_on() -> None:
    transport = WavTransport(np.zeros(HZ, np.float32), output_hz=24_000)
    await transport.receive()  # at 0.02 s
    await trio.sleep(0.013)
    transport.send(counting(240), "a")
    await trio.sleep(0.027)
    transport.send(counting(240, 500), "a")
    heard = transport.agent_audio()
    assert heard.size == 1440 + 240
    np.testing.assert_array_equal(heard[792 : 792 + 240], counting(240))
    np.testing.assert_array_equal(heard[1440:], counting(240, 500))
    assert np.count_nonzero(heard) == 480


async def test_what_is_sent_ahead_is_played_behind_what_waits() -> None:
    transport = WavTransport(np.zeros(HZ, np.float32))
    await transport.receive()
    for number in range(3):
        transport.send(counting(FRAME, 1 + number * FRAME), "a")
    np.testing.assert_array_equal(transport.agent_audio()[FRAME:], counting(3 * FRAME))


async def test_no_more_than_the_lead_may_wait() -> None:
    transport = WavTransport(np.zeros(HZ, np.float32), lead_s=0.04)
    assert transport.lead_samples == 2 * FRAME
    transport.send(counting(2 * FRAME), "a")
    with pytest.raises(TransportError, match="641 samples would wait to be played; at most 640 may"):
        transport.send(counting(1), "a")
    await transport.receive()
    transport.send(counting(FRAME), "a")
    assert transport.agent_audio().size == 3 * FRAME


async def test_clearing_drops_the_unplayed_rest_of_that_response_only() -> None:
    transport = WavTransport(np.zeros(HZ, np.float32))
    transport.send(counting(FRAME), "old")
    transport.send(counting(FRAME), "old")
    transport.send(counting(FRAME, 9000), "new")
    await trio.sleep(0.005)
    transport.clear("old")
    expected = np.concatenate([counting(80), counting(FRAME, 9000)])
    np.testing.assert_array_equal(transport.agent_audio(), expected)
    transport.clear("old")
    np.testing.assert_array_equal(transport.agent_audio(), expected)


async def test_clearing_leaves_another_response_that_is_being_played_alone() -> None:
    transport = WavTransport(np.zeros(HZ, np.float32))
    transport.send(counting(FRAME), "first")
    transport.send(counting(FRAME, 9000), "second")
    await trio.sleep(0.005)
    transport.clear("second")
    np.testing.assert_array_equal(transport.agent_audio(), counting(FRAME))


async def test_after_clearing_a_tail_is_played_at_once() -> None:
    transport = WavTransport(np.zeros(HZ, np.float32))
    transport.send(counting(1600), "a")
    await trio.sleep(0.01)
    transport.clear("a")
    transport.send(counting(800, 9000), "a")
    np.testing.assert_array_equal(transport.agent_audio(), np.concatenate([counting(160), counting(800, 9000)]))


async def test_the_playhead_counts_what_was_heard_or_cleared_and_rests_in_silence() -> None:
    transport = WavTransport(np.zeros(HZ, np.float32))
    heads = [transport.playhead()]
    transport.send(counting(2 * FRAME), "a")
    for pause_s in (0.005, 0.03, 0.03):
        await trio.sleep(pause_s)
        heads.append(transport.playhead())
    transport.send(counting(FRAME), "b")
    heads.append(transport.playhead())
    await trio.sleep(0.005)
    transport.clear("b")
    heads.append(transport.playhead())
    assert heads == [At(sample, "measured") for sample in (0, 80, 560, 640, 640, 960)]


@given(st.data())
def test_however_it_is_sent_and_cleared_every_sample_is_heard_or_cleared_once(data: st.DataObject) -> None:
    """A model of the caller's ear, sample by sample, against the recording."""
    steps = data.draw(
        st.lists(
            st.one_of(
                st.tuples(st.just("send"), st.integers(1, 60), st.sampled_from("ab")),
                st.tuples(st.just("wait"), st.integers(1, 90), st.just("")),
                st.tuples(st.just("clear"), st.just(0), st.sampled_from("ab")),
            ),
            max_size=25,
        )
    )
    transport = WavTransport(np.zeros(HZ, np.float32), lead_s=1.0)

    async def call() -> None:
        heard: list[float] = []
        queue: list[tuple[float, str]] = []
        cleared = sent = 0
        with trio.move_on_after(0):
            await transport.receive()  # begins the stream
        for kind, count, response_id in steps:
            if kind == "send":
                transport.send(counting(count, sent + 1), response_id)
                queue += [(float(sample), response_id) for sample in counting(count, sent + 1)]
                sent += count
            elif kind == "clear":
                transport.clear(response_id)
                cleared += sum(1 for _, other in queue if other == response_id)
                queue = [entry for entry in queue if entry[1] != response_id]
            else:
                await trio.sleep(count / HZ)
                heard += [sample for sample, _ in queue[:count]] + [0.0] * (count - len(queue[:count]))
                queue = queue[count:]
            assert transport.playhead().sample == sent - len(queue)
        heard += [sample for sample, _ in queue]
        recorded = transport.agent_audio().tolist()
        assert recorded == heard[: len(recorded)]
        assert not any(heard[len(recorded) :])
        assert np.count_nonzero(recorded) == sent - cleared

    run_virtual(lambda _: call(), seed=0)


async def test_who_has_hung_up_hears_nothing_more() -> None:
    transport = WavTransport(np.zeros(2 * FRAME, np.float32))
    await transport.receive()
    transport.send(counting(3 * FRAME), "a")
    await hear_all(transport)
    transport.send(counting(FRAME), "a")
    transport.clear("a")
    await trio.sleep(1)
    assert transport.playhead() == At(FRAME, "measured")
    np.testing.assert_array_equal(transport.agent_audio(), np.concatenate([np.zeros(FRAME), counting(FRAME)]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: WavTransport(np.zeros(3, np.float32), frame_s=0.0),
        lambda: WavTransport(np.zeros(3, np.float32), tail_s=-1.0),
        lambda: WavTransport(np.zeros(3, np.float32), lead_s=0.0),
    ],
)
def test_impossible_durations_are_refused(make: Callable[[], WavTransport]) -> None:
    with pytest.raises(ConfigError, match="must be positive"):
        make()
