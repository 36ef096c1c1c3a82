"""Where a caller's turn ends, on real models and speech that a synthesizer made: never in the middle of a sentence."""

import numpy as np
import pytest
import trio
import trio.testing

from turnscope.core import CLOCK_HZ, Samples, resample
from turnscope.providers import PiperTTS, Resources, ScriptedLLM, SileroVAD, VoiceOptions, WhisperSTT
from turnscope.session import Agent
from turnscope.sim import Call, FakeTTS, HangUp, Moment, Play, VirtualCompute, simulate

pytestmark = pytest.mark.models

AGENT = Agent(vad=SileroVAD(), stt=WhisperSTT(), llm=ScriptedLLM([], fallback="Okay."), tts=FakeTTS())
INTERRUPTED_BY_THEMSELVES = [
    ("I would like a large coffee and", 1.05, "a blueberry muffin, please."),
    ("Could you tell me when the", 0.9, "next train to London leaves?"),
    ("And so, my dear friends,", 1.0, "ask what you can do for your country."),
]
COMPLETE = ["What time do you open tomorrow?", "Can I have two coffees, please?", "Please cancel my order.", "Yes."]


def spoken(*texts: str) -> list[Samples]:
    async def speak() -> list[Samples]:
        made = []
        async with PiperTTS().connect(Resources(VirtualCompute())) as tts:
            for text in texts:
                async with tts.open_stream(text, VoiceOptions()) as chunks:
                    audio = np.concatenate([chunk.samples async for chunk in chunks])
                made.append(_trimmed(resample(audio, tts.output_hz, CLOCK_HZ)))
        return made

    return trio.run(speak, clock=trio.testing.MockClock(autojump_threshold=0))


def _trimmed(audio: Samples) -> Samples:
    loud = np.flatnonzero(np.abs(audio) > 0.01)
    return audio[loud[0] : loud[-1] + 1]


def call_with(audio: Samples) -> Call:
    return simulate(AGENT, [Play(audio, Moment(0.5)), HangUp(Moment(4.0, "previous"))])


@pytest.mark.feature(43)
def test_a_sentence_with_a_pause_in_it_is_one_turn() -> None:
    parts = iter(spoken(*(text for first, _, second in INTERRUPTED_BY_THEMSELVES for text in (first, second))))
    for first, pause_s, _ in INTERRUPTED_BY_THEMSELVES:
        silence = np.zeros(round(pause_s * CLOCK_HZ), dtype=np.float32)
        call = call_with(np.concatenate([next(parts), silence, next(parts)]))
        assert [turn.attempts for turn in call.turns] == [1], first


@pytest.mark.feature(43)
def test_a_complete_utterance_is_answered_soon() -> None:
    delays = []
    for audio in spoken(*COMPLETE):
        call = call_with(audio)
        assert len(call.turns) == 1
        started = call.turns[0].attempt_started
        assert started is not None
        delays.append((started - round(0.5 * CLOCK_HZ) - len(audio)) / CLOCK_HZ)
    assert max(delays) <= 1.5
    assert float(np.median(delays)) <= 0.8
