"""WebRTC's audio processing: what it is for, and what is said when it is not there."""

import sys

import numpy as np
import pytest

from turnscope._errors import ConfigError
from turnscope.core import CLOCK_HZ, Samples
from turnscope.providers import AudioStage, WebRTCAudio

pytestmark = pytest.mark.feature(42)


def processed(stage: WebRTCAudio, near: Samples, far: Samples) -> Samples:
    stream = stage.open_stream()
    frames = range(0, len(near), 160)
    return np.concatenate([stream.process(near[at : at + 160], far[at : at + 160]) for at in frames])


def level_db(samples: Samples) -> float:
    return float(10 * np.log10(np.square(samples).mean() + 1e-12))


def voice(seed: int, length_s: int = 6) -> Samples:
    """Noise that comes and goes like syllables do."""
    rng = np.random.default_rng(seed)
    envelope = np.repeat(rng.choice([0.0, 0.3, 1.0], length_s * 8), CLOCK_HZ // 8)
    return (0.1 * envelope * rng.normal(0, 1, length_s * CLOCK_HZ)).astype(np.float32)


def test_it_is_a_stage() -> None:
    assert isinstance(WebRTCAudio(), AudioStage)


def test_without_its_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    with pytest.raises(ConfigError, match=r'pip install "turnscope\[webrtc\]"'):
        WebRTCAudio().open_stream()


@pytest.mark.models
def test_steady_noise_is_suppressed() -> None:
    noise = np.random.default_rng(1).normal(0, 0.01, 4 * CLOCK_HZ).astype(np.float32)
    left = processed(WebRTCAudio(echo_cancellation=False), noise, np.zeros_like(noise))
    assert level_db(left[-CLOCK_HZ:]) < level_db(noise) - 9


@pytest.mark.models
def test_an_echo_is_cancelled_and_a_voice_is_not() -> None:
    far, caller = voice(1), voice(2)
    echo = np.concatenate([np.zeros(800, np.float32), 0.5 * far[:-800]])
    stage = WebRTCAudio(noise_suppression=False)
    assert level_db(processed(stage, echo, far)[-2 * CLOCK_HZ :]) < level_db(echo[-2 * CLOCK_HZ :]) - 20
    alone = processed(stage, caller, np.zeros_like(far))
    assert level_db(alone[-2 * CLOCK_HZ :]) > level_db(caller[-2 * CLOCK_HZ :]) - 3


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"noise_level": 4}, "noise_level must be from 0 to 3"),
        ({"delay_s": 2.0}, "delay_s must be from 0 to 1"),
        ({"echo_cancellation": False, "noise_suppression": False}, "must not all be false"),
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, float], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        WebRTCAudio(**wrong)  # type: ignore[arg-type]
