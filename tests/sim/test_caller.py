"""A scripted caller: everything is placed to the sample, and both tracks lie on one clock."""

from dataclasses import replace

import numpy as np
import pytest
import trio
import trio.testing

from tests.session.calls import AGENT, cough, speech
from turnscope import ConfigError
from turnscope.core import CLOCK_HZ, Samples
from turnscope.sim import CallerTransport, HangUp, Moment, Play, Step, simulate
from turnscope.transports import Transport

FRAME = 320


def tone(length: int, level: float = 0.5) -> Samples:
    return np.full(length, level, np.float32)


async def listen(transport: CallerTransport) -> tuple[Samples, list[int]]:
    """All that the caller gives until they hang up, and when each frame came."""
    frames: list[Samples] = []
    came: list[int] = []
    start = trio.current_time()
    while (frame := await transport.receive()) is not None:
        assert frame.start == sum(map(len, frames))
        frames.append(frame.samples)
        came.append(round((trio.current_time() - start) * CLOCK_HZ))
    return np.concatenate(frames) if frames else tone(0), came


def test_it_is_a_transport() -> None:
    assert isinstance(CallerTransport([]), Transport)


async def test_a_frame_comes_when_its_last_sample_is_due() -> None:
    heard, came = await listen(CallerTransport([HangUp(Moment(0.1))]))
    assert came == [FRAME * count for count in range(1, 6)]
    assert (len(heard), heard.any()) == (1_600, np.False_)


@pytest.mark.parametrize("frame_s", [0.01, 0.02, 0.03, 0.1])
async def test_a_sound_begins_at_its_sample_whatever_the_frames(frame_s: float) -> None:
    transport = CallerTransport([Play(tone(1_000), Moment(0.2511)), HangUp(Moment(0.5))], frame_s=frame_s)
    heard, _ = await listen(transport)
    np.testing.assert_array_equal(np.flatnonzero(heard), np.arange(4_018, 5_018))
    [play, hang_up] = transport.placed
    assert (play.start, play.stop) == (4_018, 5_018)
    assert (hang_up.start, hang_up.stop) == (8_000, 8_000)


async def test_sounds_that_overlap_are_mixed() -> None:
    script: list[Step] = [Play(tone(3_200, 0.25), Moment(0.1)), Play(tone(320, 0.5), Moment(0.15)), HangUp(Moment(0.4))]
    heard, _ = await listen(CallerTransport(script))
    expected = np.zeros(6_400, np.float32)
    expected[1_600:4_800] += 0.25
    expected[2_400:2_720] += 0.5
    np.testing.assert_array_equal(heard, expected)


async def test_previous_means_the_end_of_the_step_before() -> None:
    script: list[Step] = [
        Play(tone(800), Moment(0.1)),
        Play(tone(800), Moment(0.05, "previous")),
        HangUp(Moment(0.1, "previous")),
    ]
    transport = CallerTransport(script)
    await listen(transport)
    assert [(placed.start, placed.stop) for placed in transport.placed] == [
        (1_600, 2_400),
        (3_200, 4_000),
        (5_600, 5_600),
    ]


async def test_they_hang_up_in_the_end_whatever_the_script_waits_for() -> None:
    heard, _ = await listen(CallerTransport([Play(tone(10), Moment(0, "agent_starts"))], max_s=0.5))
    assert len(heard) == 8_000


async def test_after_they_have_hung_up_there_is_nothing_more() -> None:
    transport = CallerTransport([HangUp(Moment(0))])
    assert [await transport.receive() for _ in range(3)] == [None] * 3


def test_what_the_agent_says_anchors_what_the_caller_does() -> None:
    script: list[Step] = [
        speech("two lattes please", 0.2),
        cough(0.5, "agent_starts", reply=1),
        HangUp(Moment(0.4, "agent_stops")),
    ]
    call = simulate(replace(AGENT, echo_guard=False), script, seed=1)
    first = int(np.flatnonzero(call.agent)[0])
    last = int(np.flatnonzero(call.agent)[-1])
    [_, coughed, hung_up] = call.placed
    assert coughed.start == first + 8_000
    assert hung_up.start == pytest.approx(last + 6_400, abs=2 * FRAME)


def test_a_reply_that_never_comes_keeps_its_steps_waiting() -> None:
    script: list[Step] = [speech("two lattes please", 0.2), Play(tone(10), Moment(0, "agent_starts", reply=3))]
    call = simulate(AGENT, script, seed=1, max_s=8)
    assert len(call.placed) == 1
    assert len(call.user) >= 8 * CLOCK_HZ


async def test_both_tracks_lie_on_one_clock_and_have_one_length() -> None:
    transport = CallerTransport([Play(tone(320), Moment(0.1)), HangUp(Moment(1.0))])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen, transport)
        await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(0.3)
        transport.send(tone(320, 0.1), "1.1")
        await trio.sleep(0.02)
        transport.send(tone(320, 0.2), "1.1")
        transport.send(tone(320, 0.3), "1.1")  # early: it is played behind what was sent before
    user, agent = transport.tracks()
    assert len(user) == len(agent) == CLOCK_HZ
    assert np.flatnonzero(user).tolist() == list(range(1_600, 1_920))
    np.testing.assert_array_equal(agent[4_800:5_760], np.concatenate([tone(320, 0.1), tone(320, 0.2), tone(320, 0.3)]))
    assert not agent[:4_800].any()
    assert not agent[5_760:].any()
    assert transport.agent_starts == (4_800,)


async def test_the_playhead_moves_with_what_is_played_and_is_measured() -> None:
    transport = CallerTransport([HangUp(Moment(1.0))])
    assert transport.playhead().sample == 0
    transport.send(tone(640), "1.1")
    transport.send(tone(320), "1.1")
    seen = []
    for _ in range(4):
        await trio.sleep(0.02)
        seen.append(transport.playhead())
    assert [playhead.sample for playhead in seen] == [320, 640, 960, 960]
    assert {playhead.provenance for playhead in seen} == {"measured"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.0, "lunch"), "anchor must be"),
        ((-0.1,), "after_s must not be negative"),
        ((float("nan"),), "after_s must not be negative"),
        ((1.0, "agent_starts", 0), "reply counts from 1"),
    ],
)
def test_moments_that_make_no_sense_are_refused(arguments: tuple[float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Moment(*arguments)
