"""The way from the caller to the session: what it does to samples and packets, and that a conversation survives it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio

from tests.session.calls import AGENT, of_kind, speech
from turnscope import AudioError, ConfigError
from turnscope.core import (
    CLOCK_HZ,
    ClockCorrected,
    InputGap,
    JitterSettings,
    Samples,
    SpeechBegins,
    mulaw_decode,
    mulaw_encode,
    resample,
)
from turnscope.sim import (
    Call,
    CallerTransport,
    HangUp,
    Media,
    MediaTransport,
    Moment,
    Normal,
    Packets,
    Play,
    Scenario,
    Step,
    Uniform,
    broken_promises,
    echo_path,
    load_scenario,
    simulate,
)
from turnscope.sim._media import _Network
from turnscope.transports import InputFrame, Transport, write_wav

ORDER: list[Step] = [
    speech("two lattes please.", 0.2),
    speech("wait three.", 1.0, "agent_starts"),
    HangUp(Moment(1.0, "quiet")),
]


def hold(media: Media, script: Sequence[Step] = ORDER, *, seed: int = 1, media_seed: int = 0) -> Call:
    call = simulate(AGENT, script, seed=seed, media=media, media_seed=media_seed, max_s=60)
    assert broken_promises(call) == []
    return call


async def came_through(media: Media, sound: Samples, seed: int = 0) -> tuple[list[InputFrame], list[float]]:
    """All frames that a session would be given, and when."""
    caller = CallerTransport([Play(sound, Moment(0.0)), HangUp(Moment(len(sound) / CLOCK_HZ))])
    transport = MediaTransport(caller, media, seed)
    frames, times, start = [], [], trio.current_time()
    while (frame := await transport.receive()) is not None:
        frames.append(frame)
        times.append(trio.current_time() - start)
    return frames, times


def tone(length_s: float, level: float = 0.4) -> Samples:
    samples: Samples = (np.sin(np.arange(round(length_s * CLOCK_HZ)) * 0.2) * level).astype(np.float32)
    return samples


def joined(frames: Sequence[InputFrame]) -> Samples:
    return np.concatenate([frame.samples for frame in frames])


# The device


def test_it_is_a_transport() -> None:
    assert isinstance(MediaTransport(CallerTransport([]), Media()), Transport)


async def test_a_perfect_way_changes_nothing() -> None:
    sound = tone(0.5)
    frames, times = await came_through(Media(), sound)
    np.testing.assert_array_equal(joined(frames), sound)
    assert [round(time, 6) for time in times] == [round(0.02 * count, 6) for count in range(1, 26)]


async def test_a_microphone_amplifies_and_clips() -> None:
    sound = tone(0.2)
    frames, _ = await came_through(Media(gain_db=6, clip_dbfs=-6), sound)
    most = 10 ** (-6 / 20)
    np.testing.assert_allclose(joined(frames), np.clip(sound * 10 ** (6 / 20), -most, most), atol=1e-6)
    assert float(joined(frames).max()) == pytest.approx(most)


async def test_telephony_has_8_khz_and_256_levels() -> None:
    sound = tone(1.0)
    transport = MediaTransport(CallerTransport([]), Media(codec="mulaw"))
    assert (transport.input_hz, transport.output_hz) == (8000, 16_000)
    frames, _ = await came_through(Media(codec="mulaw"), sound)
    coded = mulaw_decode(mulaw_encode(resample(sound, CLOCK_HZ, 8000)))
    heard = joined(frames)
    assert 7950 <= len(heard) <= 8000  # the last of it is still in the filter
    np.testing.assert_array_equal(heard, coded[: len(heard)])
    assert [later.start for later in frames[1:]] == [frame.start + len(frame.samples) for frame in frames[:-1]]


@pytest.mark.parametrize("drift_ppm", [500.0, -500.0])
async def test_a_clock_that_drifts_gives_more_samples_or_fewer_and_no_others(drift_ppm: float) -> None:
    sound: Samples = (np.arange(2 * CLOCK_HZ) / (2 * CLOCK_HZ)).astype(np.float32)
    frames, _ = await came_through(Media(drift_ppm=drift_ppm), sound)
    heard = joined(frames)
    assert len(heard) == round(len(sound) * (1 + drift_ppm * 1e-6))
    steps = np.round(np.diff(heard) * len(sound)).astype(int)
    assert np.count_nonzero(steps != 1) in (15, 16)  # the last one may come after the end
    assert set(steps[steps != 1]) == {0 if drift_ppm > 0 else 2}


async def test_what_takes_its_time_comes_later_and_whole() -> None:
    sound = tone(0.4)
    frames, times = await came_through(Media(delay_s=0.15), sound)
    np.testing.assert_array_equal(joined(frames), sound)
    assert [round(time, 4) for time in times[:2]] == [0.17, 0.19]


# The network


async def test_of_the_packets_that_are_lost_there_are_gaps_and_counts() -> None:
    sound = tone(8.0)
    transport = MediaTransport(
        CallerTransport([Play(sound, Moment(0.0)), HangUp(Moment(8.0))]), Media(packets=Packets(loss=0.1)), 3
    )
    frames = []
    while (frame := await transport.receive()) is not None:
        frames.append(frame)
    counts = transport.counts
    assert counts is not None
    assert 20 <= counts.lost <= 60
    assert counts.delivered == len(frames)
    gaps = [later.start - frame.start - len(frame.samples) for frame, later in pairwise(frames)]
    assert sum(gaps) == 320 * counts.lost
    for frame in frames:
        np.testing.assert_array_equal(
            frame.samples, sound[frame.start + frames_offset(sound, frames) :][: len(frame.samples)]
        )


def frames_offset(sound: Samples, frames: Sequence[InputFrame]) -> int:
    """Where the first frame lies in the sound: the stream begins with the first packet that comes."""
    first = frames[0].samples
    return next(at for at in range(0, len(sound), 320) if np.array_equal(sound[at : at + 320], first))


@pytest.mark.parametrize(("burst", "shortest", "longest"), [(1.0, 1, 1), (4.0, 3.5, 4.5), (None, 1.05, 1.2)])
def test_losses_come_in_bursts_of_their_mean_length(burst: float | None, shortest: float, longest: float) -> None:
    network = _Network(Media(packets=Packets(loss=0.1, burst=burst)), CLOCK_HZ, seed=5)
    lost = "".join("x" if network._copies() == 0 else " " for _ in range(20_000))
    assert 0.085 <= lost.count("x") / len(lost) <= 0.115
    assert shortest <= lost.count("x") / len(lost.split()) <= longest


@pytest.mark.parametrize(
    "packets",
    [
        Packets(jitter_s=Uniform(0.0, 0.05)),
        Packets(reordered=0.2, held_back_s=0.05),
        Packets(duplicated=0.5, jitter_s=Normal(0.02, 0.01)),
    ],
    ids=["jitter", "reordered", "twice"],
)
async def test_what_comes_late_in_the_wrong_order_or_twice_is_put_right(packets: Packets) -> None:
    sound = tone(3.0)
    transport = MediaTransport(
        CallerTransport([Play(sound, Moment(0.0)), HangUp(Moment(3.0))]), Media(packets=packets, delay_s=0.03), 2
    )
    frames = []
    while (frame := await transport.receive()) is not None:
        frames.append(frame)
    counts = transport.counts
    assert counts is not None
    at = frames_offset(sound, frames)
    np.testing.assert_array_equal(joined(frames), sound[at:])
    assert counts.reordered > 5 or counts.duplicate > 30
    assert counts.lost == 0


async def test_the_buffer_waits_as_long_as_it_is_told() -> None:
    hasty = Packets(reordered=0.2, held_back_s=0.05, buffer=JitterSettings(gap_timeout_s=0.01))
    transport = MediaTransport(
        CallerTransport([Play(tone(3.0), Moment(0.0)), HangUp(Moment(3.0))]), Media(packets=hasty), 2
    )
    while await transport.receive() is not None:
        pass
    assert transport.counts is not None
    assert transport.counts.late > 10


async def test_cancelling_the_receiver_loses_nothing() -> None:
    sound = tone(1.0)
    caller = CallerTransport([Play(sound, Moment(0.0)), HangUp(Moment(1.0))])
    transport = MediaTransport(caller, Media(delay_s=0.033, packets=Packets(jitter_s=Uniform(0, 0.03))), 1)
    frames: list[InputFrame] = []
    over = False
    while not over:
        with trio.move_on_after(0.007):
            frame = await transport.receive()
            if frame is None:
                over = True
            else:
                frames.append(frame)
    np.testing.assert_array_equal(joined(frames), sound)


# Conversations


BAD_LINES = {
    "loss": Media(packets=Packets(loss=0.05, burst=2)),
    "jitter": Media(delay_s=0.06, packets=Packets(jitter_s=Uniform(0.0, 0.06), duplicated=0.1)),
    "drift": Media(drift_ppm=300),
    "overdriven": Media(gain_db=20, clip_dbfs=-3),
    "everything": Media(
        gain_db=3, drift_ppm=-200, delay_s=0.1, packets=Packets(loss=0.02, jitter_s=Normal(0.02, 0.02), reordered=0.05)
    ),
}


@pytest.mark.feature(53, 54)
@pytest.mark.parametrize("media", BAD_LINES.values(), ids=BAD_LINES)
def test_every_promise_is_kept_over_a_bad_line_and_the_same_line_gives_the_same_call(media: Media) -> None:
    one, same = hold(media), hold(media)
    assert one.jsonl() == same.jsonl()
    assert [turn.outcome.kind for turn in one.turns if turn.outcome][:1] == ["interrupted"]


def test_another_seed_loses_other_packets() -> None:
    media = BAD_LINES["loss"]
    gaps = [[event.sample for event in of_kind(hold(media, media_seed=seed), InputGap)] for seed in (0, 0, 1)]
    assert gaps[0] == gaps[1] != gaps[2]


def test_the_call_says_what_became_of_its_packets() -> None:
    call = hold(BAD_LINES["loss"])
    assert call.packets is not None
    assert call.packets.lost > 5
    assert len([event for event in of_kind(call, InputGap) if event.reason == "lost"]) > 2
    assert hold(Media()).packets is None


def test_speech_that_takes_longer_is_heard_later() -> None:
    plain, late = (hold(Media(delay_s=delay_s)) for delay_s in (0.0, 0.2))
    onsets = [of_kind(call, SpeechBegins)[0].onset for call in (plain, late)]
    assert onsets[1] - onsets[0] == pytest.approx(0.2 * CLOCK_HZ, abs=320)


def test_a_clock_that_drifts_is_corrected_in_time() -> None:
    long: list[Step] = [speech("two lattes please.", 12.0), HangUp(Moment(14.0, "quiet"))]
    call = simulate(AGENT, long, seed=1, media=Media(drift_ppm=-4000), max_s=60)
    corrected = of_kind(call, ClockCorrected)
    assert corrected[0].correction > 0  # it is slow: there is too little of it
    assert len(call.turns) == 1


# In files

FAKES = """
version = 1
seed = 4
[agent]
vad = { provider = "fake" }
stt = { provider = "fake" }
tts = { provider = "fake" }
llm = { provider = "scripted", rules = [], fallback = "Your order is two lattes." }
[[caller]]
words = "two lattes"
at_s = 0.5
"""

Load = Callable[..., Scenario]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str, fakes: str = FAKES) -> Scenario:
        path = tmp_path / "call.scenario.toml"
        path.write_text(fakes + text, encoding="utf-8")
        return load_scenario(path)

    return load


def test_every_part_of_the_way_can_be_written(load: Load) -> None:
    scenario = load(
        """
        [media]
        gain_db = -3
        clip_dbfs = -1
        drift_ppm = 50
        delay_s = 0.08
        [media.packets]
        loss = 0.02
        burst = 3
        jitter_s = { uniform = [0, 0.02] }
        reordered = 0.01
        held_back_s = 0.05
        duplicated = 0.03
        gap_timeout_s = 0.08
        depth = 5
        adaptive = true
        min_timeout_s = 0.01
        """
    )
    buffer = JitterSettings(gap_timeout_s=0.08, depth=5, adaptive=True, min_timeout_s=0.01)
    packets = Packets(
        loss=0.02,
        burst=3,
        jitter_s=Uniform(0, 0.02),
        reordered=0.01,
        held_back_s=0.05,
        duplicated=0.03,
        buffer=buffer,
    )
    assert scenario.media == Media(gain_db=-3, clip_dbfs=-1, drift_ppm=50, delay_s=0.08, packets=packets)
    call = scenario.run()
    assert call.packets is not None
    assert scenario.check(call) == ()
    other = replace(scenario, seed=5).run()
    assert other.user[: 2 * CLOCK_HZ].tobytes() == call.user[: 2 * CLOCK_HZ].tobytes()
    assert other.jsonl() != call.jsonl()


def test_an_echo_is_that_of_a_room_or_of_a_recording(load: Load, tmp_path: Path) -> None:
    room = load('[media.echo]\nroom = "room-3"\nloss_db = 12\ndelay_s = 0.1\n').echo
    expected = np.concatenate([np.zeros(1600, np.float32), echo_path("room-3", 12)])
    np.testing.assert_array_equal(room, expected)
    write_wav(tmp_path / "hall.wav", np.array([0.0, 0.5, 0.25], np.float32), CLOCK_HZ)
    scenario = load('[media.echo]\naudio = "hall.wav"\nloss_db = 6\n')
    assert scenario.echo is not None
    assert scenario.echo.tolist() == pytest.approx([0, 0.5 * 10 ** (-6 / 20), 0.25 * 10 ** (-6 / 20)], abs=1e-4)
    call = scenario.run()
    first = int(np.flatnonzero(call.agent)[0])
    assert abs(call.user[first + 1] - call.agent[first] * 0.5 * 10 ** (-6 / 20)) < 1e-4


REAL = FAKES.replace('stt = { provider = "fake" }', "").replace('words = "two lattes"', 'audio = "a.wav"')


def test_a_telephone_is_for_real_ears(load: Load, tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tone(0.5), CLOCK_HZ)
    assert load('[media]\ncodec = "mulaw"\n', REAL).media == Media(codec="mulaw")
    with pytest.raises(ConfigError, match=r"media\.codec: what fakes say and understand does not survive 8 kHz"):
        load('[media]\ncodec = "mulaw"\n')


BAD = {
    "unknown key": ("[media]\nspeed = 1", "media.speed: unknown key; known here: gain_db, clip_dbfs, "),
    "unknown codec": ('[media]\ncodec = "mp3"', "media.codec: must be one of 'mulaw', got 'mp3'"),
    "too loud": ("[media]\ngain_db = 200", "media.gain_db: must be from -100 to 100, got 200"),
    "clipping above the top": ("[media]\nclip_dbfs = 1", "media.clip_dbfs: must be from -100 to 0, got 1"),
    "back in time": ("[media]\ndelay_s = -1", "media.delay_s: must not be negative, got -1"),
    "all lost": ("[media.packets]\nloss = 1", "media.packets.loss: must be from 0 to less than 1, got 1"),
    "short bursts": (
        "[media.packets]\nloss = 0.9\nburst = 2",
        "media.packets.burst: must be at least 1, and long enough for a loss of 0.9, got 2",
    ),
    "no share": ("[media.packets]\nreordered = 2", "media.packets.reordered: must be from 0 to 1, got 2"),
    "no jitter": ("[media.packets]\njitter_s = -1", "media.packets.jitter_s: must be 0 or more, and finite, got -1"),
    "no depth": ("[media.packets]\ndepth = 0", "media.packets.depth: must be at least 1, got 0"),
    "unknown room": ('[media.echo]\nroom = "hall"', "media.echo.room: unknown room 'hall'; one of dry, room-1, "),
    "no echo": ("[media.echo]\nloss_db = 3", "media.echo: must have exactly one of audio and room"),
    "echo without loss": (
        '[media.echo]\nroom = "room-1"\nloss_db = -90',
        "media.echo.loss_db: must be from -60 to 100, got -90",
    ),
    "echo of what is to come": (
        '[media.echo]\nroom = "room-1"\ndelay_s = -1',
        "media.echo.delay_s: must not be negative, got -1",
    ),
    "missing recording": ('[media.echo]\naudio = "no.wav"', "media.echo.audio: "),
}


@pytest.mark.parametrize(("text", "complaint"), BAD.values(), ids=BAD)
def test_what_makes_no_sense_is_refused(load: Load, text: str, complaint: str) -> None:
    with pytest.raises((ConfigError, AudioError)) as caught:
        load(text)
    assert f"call.scenario.toml: {complaint}" in str(caught.value)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Media(drift_ppm=1e6), "drift_ppm must be from -20000 to 20000"),
        (lambda: Media(codec="opus"), "codec must be one of mulaw, got 'opus'"),  # type: ignore[arg-type]
        (lambda: Packets(held_back_s=-1), "held_back_s must not be negative"),
    ],
)
def test_so_it_is_in_code(make: Callable[[], Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        make()
