"""A caller whose audio comes in packets: in order, in its place, and never stuck behind what was lost."""

import numpy as np
import pytest
import trio

from tests.session.calls import AGENT
from turnscope._errors import AudioError
from turnscope.core import AttemptStarted, Event, InputGap, Packet, SpeechBegins
from turnscope.session import Record, open_session
from turnscope.sim import encode_words, run_virtual
from turnscope.transports import (
    InputFrame,
    OutputFrame,
    PacketCaller,
    PacketTransport,
    Playhead,
    Transport,
    packet_pair,
)

LENGTH = 320

pytestmark = pytest.mark.feature(54)


def packet(number: int) -> Packet:
    return Packet(number, number * LENGTH, np.full(LENGTH, number, np.float32))


async def next_start(transport: PacketTransport) -> int:
    frame = await transport.receive()
    assert isinstance(frame, InputFrame)
    return frame.start


async def test_the_sessions_end_is_a_transport_and_the_agent_is_heard_as_ever() -> None:
    transport, caller = packet_pair()
    assert isinstance(transport, Transport)
    transport.send(np.zeros(320, np.float32), "a")
    assert transport.playhead() == Playhead(0, "acknowledged")
    transport.clear("b")
    assert await caller.receive() is not None
    assert isinstance(await caller.receive(), OutputFrame)
    transport.close()
    assert await caller.receive() is None


async def test_a_lost_packet_is_skipped_a_tenth_of_a_second_after_the_one_behind_it() -> None:
    transport, caller = packet_pair()
    caller.send(packet(0))
    assert await next_start(transport) == 0
    await trio.sleep(0.04)
    caller.send(packet(2))
    missed = trio.current_time()
    assert await next_start(transport) == 2 * LENGTH
    assert trio.current_time() == pytest.approx(missed + 0.1, abs=1e-9)
    assert transport.counts.lost == 1


async def test_after_hanging_up_what_waits_is_heard_and_then_the_end() -> None:
    transport, caller = packet_pair()
    caller.send(packet(0))
    caller.send(packet(2))
    caller.hang_up()
    caller.send(packet(3))
    assert [await next_start(transport), await next_start(transport)] == [0, 2 * LENGTH]
    assert await transport.receive() is None
    assert await transport.receive() is None


async def test_whoever_does_not_receive_loses_the_oldest() -> None:
    transport, caller = packet_pair()
    for number in range(100):
        caller.send(packet(number))
    assert await next_start(transport) == 50 * LENGTH


async def test_what_is_not_audio_is_refused_where_it_comes_in() -> None:
    _, caller = packet_pair()
    with pytest.raises(AudioError, match="mono"):
        caller.send(Packet(0, 0, np.zeros((2, 2), np.float32)))


def test_a_call_over_a_bad_network_is_understood_and_nothing_moves() -> None:
    """Packets overtake each other, come twice, and one of them, in the silence, never comes."""
    records: list[Record] = []
    audio = np.concatenate([np.zeros(16_000, np.float32), encode_words("two lattes please.", words_per_s=5)[0]])
    audio = np.concatenate([audio, np.zeros(16_000, np.float32)])
    pieces = [
        Packet(65_500 + at // LENGTH & 0xFFFF, at, audio[at : at + LENGTH]) for at in range(0, len(audio), LENGTH)
    ]

    async def speak(caller: PacketCaller) -> None:
        began = trio.current_time()
        delays = np.random.default_rng(3).uniform(0, 0.06, len(pieces))
        delays[0] = 0
        arrivals = sorted((index * 0.02 + 0.02 + delays[index], index) for index in range(len(pieces)) if index != 20)
        for at, index in arrivals:
            await trio.sleep_until(began + at)
            caller.send(pieces[index])
            if index % 7 == 0:
                caller.send(pieces[index])
        caller.hang_up()

    async def main(compute: object = None) -> None:
        transport, caller = packet_pair(lead_s=60)
        async with open_session(AGENT, transport, sinks=(records.append,)) as session, trio.open_nursery() as nursery:
            nursery.start_soon(speak, caller)
            await session.wait_ended()
        assert transport.counts.lost == 1
        assert transport.counts.reordered > 10
        assert transport.counts.duplicate > 10

    run_virtual(main, seed=0)
    events = [record for record in records if isinstance(record, Event)]
    onsets = {event.onset for event in events if isinstance(event, SpeechBegins)}
    assert onsets == {16_000}
    assert [(event.start, event.stop, event.reason) for event in events if isinstance(event, InputGap)] == [
        (20 * LENGTH, 21 * LENGTH, "lost")
    ]
    assert [event.text for event in events if isinstance(event, AttemptStarted)] == ["two lattes please"]
