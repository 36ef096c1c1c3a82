"""A transport that holds audio is told to drop it before anything else happens, and what it dropped was not heard."""

import numpy as np
import pytest
import trio

from tests.session.calls import AGENT
from turnscope.core import CLOCK_HZ, Interrupted, Samples
from turnscope.session import open_session
from turnscope.sim import encode_words, read_words
from turnscope.transports import WavTransport

TEXT = "one two three four five six"


class Watched(WavTransport):
    """Notes what it is told, and when."""

    def __init__(self) -> None:
        super().__init__(np.zeros(8 * CLOCK_HZ, np.float32))
        self.told: list[tuple[str, str, int, int]] = []

    def send(self, samples: Samples, response_id: str) -> None:
        self.told.append(("send", response_id, self._position(), len(samples)))
        super().send(samples, response_id)

    def clear(self, response_id: str) -> None:
        self.told.append(("clear", response_id, self._position(), 0))
        super().clear(response_id)


async def interrupted_at(time_s: float) -> tuple[Watched, Interrupted, int]:
    transport = Watched()
    async with open_session(AGENT, transport) as session:
        handle = await session.say(TEXT)
        await trio.sleep_until(time_s)
        session.interrupt("enough")
        cut = session.now()
        outcome = await handle.wait_for_playout()
        await trio.sleep(1)
    assert isinstance(outcome, Interrupted)
    return transport, outcome, cut


@pytest.mark.parametrize("time_s", [0.5, 0.503, 0.5149, 1.0, 1.337])
async def test_what_the_transport_holds_is_dropped_first(time_s: float) -> None:
    transport, outcome, cut = await interrupted_at(time_s)
    [(index, (_, cleared, at, _))] = [(i, told) for i, told in enumerate(transport.told) if told[0] == "clear"]
    assert at == cut
    before, after = transport.told[:index], transport.told[index + 1 :]
    assert {response_id for _, response_id, _, _ in before} == {cleared}
    assert {response_id for _, response_id, _, _ in after} == {f"{cleared}.fade"}
    assert all(sent_at <= cut for kind, _, sent_at, _ in before if kind == "send")
    assert sum(length for _, _, _, length in after) == 0.05 * CLOCK_HZ
    assert outcome.last_sent == cut
    assert outcome.silence == cut + 0.05 * CLOCK_HZ


@pytest.mark.parametrize("time_s", [0.5, 0.503, 0.5149, 1.0, 1.337])
async def test_the_voice_fades_from_the_very_sample_at_which_it_is_told_to_stop(time_s: float) -> None:
    transport, outcome, cut = await interrupted_at(time_s)
    heard = transport.agent_audio()
    begin = int(np.flatnonzero(heard)[0])
    speech, _ = encode_words(TEXT)
    assert np.array_equal(heard[begin:cut], speech[: cut - begin])
    assert outcome.silence is not None
    assert not heard[outcome.silence :].any()
    assert np.all(np.abs(heard[cut : outcome.silence]) <= np.abs(speech[cut - begin : outcome.silence - begin]))
    assert outcome.heard.split() == [word for word, _ in read_words(heard[:cut])]
