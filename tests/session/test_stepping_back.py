"""Pausing and ducking for what turns out to be nothing: no sample of the reply is lost, whatever the far end held."""

import numpy as np
import pytest
import trio

from tests.session.calls import agent, cough
from turnscope.core import CLOCK_HZ, Completed, Event, InterruptionSettings, Resumed, Samples, Yielded, fade_out
from turnscope.session import open_session
from turnscope.sim import encode_words
from turnscope.transports import WavTransport

TEXT = "one two three four five six"
SPEECH, WORDS = encode_words(TEXT)


class Watched(WavTransport):
    """Notes what it is told."""

    def __init__(self, cough_at_s: float) -> None:
        caller = np.zeros(5 * CLOCK_HZ, np.float32)
        noise = cough(0).audio
        at = round(cough_at_s * CLOCK_HZ)
        caller[at : at + len(noise)] = noise
        super().__init__(caller)
        self.told: list[tuple[str, str, int]] = []

    def send(self, samples: Samples, response_id: str) -> None:
        self.told.append(("send", response_id, self._position()))
        super().send(samples, response_id)

    def clear(self, response_id: str) -> None:
        self.told.append(("clear", response_id, self._position()))
        super().clear(response_id)


async def coughed_at(cough_at_s: float, interruption: InterruptionSettings) -> tuple[Watched, list[Event], int]:
    """A call in which somebody coughs: what it left behind, and where the agent's first sample is."""
    transport = Watched(cough_at_s)
    seen: list[Event] = []
    async with open_session(
        agent(interruption=interruption),
        transport,
        sinks=(lambda record: seen.append(record) if isinstance(record, Event) else None,),
    ) as session:
        handle = await session.say(TEXT)
        assert await handle.wait_for_playout() == Completed(TEXT)
    return transport, seen, int(np.flatnonzero(transport.agent_audio())[0])


COUGHS = [0.6, 0.753, 0.9, 1.111, 1.2, 1.337]


@pytest.mark.feature(32)
@pytest.mark.parametrize("cough_at_s", COUGHS)
async def test_after_a_pause_the_word_begins_again_and_every_sample_is_heard_in_its_place(cough_at_s: float) -> None:
    transport, seen, begin = await coughed_at(cough_at_s, InterruptionSettings(reaction="pause", fade_s=0.05))
    heard = transport.agent_audio()
    [yielded] = [event for event in seen if isinstance(event, Yielded)]
    [resumed] = [event for event in seen if isinstance(event, Resumed)]
    cut = yielded.sample - begin  # the speech before this sample was heard at full level
    again = next((word.start for word in WORDS if word.start <= cut < word.stop), cut)
    fade = fade_out(SPEECH[cut:], 800)
    assert np.array_equal(heard[begin : yielded.sample], SPEECH[:cut])
    assert np.array_equal(heard[yielded.sample : yielded.sample + 800], fade)
    assert not heard[yielded.sample + 800 : resumed.sample].any()
    rest = SPEECH[again:]
    start = resumed.sample
    assert np.array_equal(heard[start : start + len(rest)], rest), "from the start of the word that was cut, no other"
    assert not heard[start + len(rest) :].any()


@pytest.mark.feature(32)
@pytest.mark.parametrize("cough_at_s", COUGHS)
async def test_while_ducked_every_sample_is_heard_once_and_in_its_place(cough_at_s: float) -> None:
    settings = InterruptionSettings(reaction="duck", duck_db=-20.0, duck_ramp_s=0.03)
    transport, seen, begin = await coughed_at(cough_at_s, settings)
    heard = transport.agent_audio()[begin : begin + len(SPEECH)]
    loud = np.abs(SPEECH) > 0
    gains = heard[loud] / SPEECH[loud]
    places = np.flatnonzero(loud)
    [yielded] = [event for event in seen if isinstance(event, Yielded)]
    [resumed] = [event for event in seen if isinstance(event, Resumed)]
    down, up = yielded.sample - begin, resumed.sample - begin
    held = 320  # the most that the far end holds
    assert (gains[places < down] == 1.0).all()
    low = gains[(places >= down + held + 480) & (places < up)]
    assert low == pytest.approx(0.1)
    assert (gains[places >= up + held + 480] == 1.0).all()


@pytest.mark.parametrize("cough_at_s", COUGHS)
async def test_a_pause_has_the_far_end_drop_what_it_holds_first(cough_at_s: float) -> None:
    transport, seen, _ = await coughed_at(cough_at_s, InterruptionSettings(reaction="pause"))
    [yielded] = [event for event in seen if isinstance(event, Yielded)]
    [index] = [index for index, told in enumerate(transport.told) if told[0] == "clear"]
    assert transport.told[index] == ("clear", "1.1", yielded.sample)
    assert {name for _, name, _ in transport.told[:index]} == {"1.1"}
    assert {name for _, name, _ in transport.told[index + 1 :]} == {"1.1.fade"}, "the far end drops the old name"


async def test_silence_during_the_fade_of_a_pause_lets_the_far_end_hear_the_whole_fade() -> None:
    """What the far end held of the fade was dropped, and never sent again."""
    transport = Watched(cough_at_s=0.9)
    seen: list[Event] = []
    async with open_session(
        agent(echo_guard=False),
        transport,
        sinks=(lambda record: seen.append(record) if isinstance(record, Event) else None,),
    ) as session:
        handle = await session.say(TEXT)
        await trio.sleep(0.95)
        assert any(isinstance(event, Yielded) for event in seen)
        session.interrupt("enough")
        await handle.wait_for_playout()
        await trio.sleep(0.5)
    [yielded] = [event for event in seen if isinstance(event, Yielded)]
    heard = transport.agent_audio()
    begin = int(np.flatnonzero(heard)[0])
    assert yielded.sample < 0.95 * CLOCK_HZ < yielded.sample + 800
    fade = fade_out(SPEECH[yielded.sample - begin :], 800)
    assert np.array_equal(heard[yielded.sample : yielded.sample + 800], fade)
    assert not heard[yielded.sample + 800 :].any()
