from pathlib import Path

import numpy as np

from turnscope import Agent, ScriptedLLM
from turnscope.core import CLOCK_HZ, Evidence, MinSpeech, WordsPolicy
from turnscope.observe import PerMinute, Rate
from turnscope.sim import (
    MONOLOGUE,
    Clip,
    FakeSTT,
    FakeTTS,
    FakeVAD,
    KeptTTS,
    Label,
    Observed,
    encode_words,
    frontier,
    observe_clips,
    play_clips,
)
from turnscope.transports import write_wav


def agent() -> Agent:
    reply = ScriptedLLM([], fallback=MONOLOGUE)
    return Agent(vad=FakeVAD(), stt=FakeSTT(), llm=reply, tts=KeptTTS(FakeTTS()))


def known(sample_s: float, text: str = "", *, onset_s: float = 1.0, ended: bool = False) -> Evidence:
    sample, onset = round(sample_s * CLOCK_HZ), round(onset_s * CLOCK_HZ)
    return Evidence(sample, onset, sample if ended else None, 1.0, text, ended, (text,), False)


def observed(label: Label, *evidence: Evidence) -> Observed:
    return Observed(Clip(path="x.wav", label=label), CLOCK_HZ, 30.0, evidence)


def test_a_policy_is_judged_by_when_it_would_have_confirmed() -> None:
    (point,) = frontier(
        [
            observed("interruption", known(1.1), known(1.4), known(1.7, "no", ended=True)),
            observed("interruption", known(1.1), known(1.2, "yeah", ended=True)),
            observed("backchannel", known(1.1), known(1.4, "yeah", ended=True)),
            observed("noise", known(1.1), known(1.6, "you", ended=True), known(3.1, "no", onset_s=3.0, ended=True)),
        ],
        {"words": WordsPolicy()},
    )
    assert point.yielded_to == Rate(1, 2)
    assert point.onset_to_decision.p50 == 0.7
    assert point.talked_through == Rate(1, 1)
    assert point.noise_stops == PerMinute(2, 0.5)


def test_time_that_goes_by_between_two_pieces_of_evidence_counts() -> None:
    (point,) = frontier([observed("interruption", known(1.1), known(1.9))], {"long": MinSpeech(0.3)})
    assert abs(point.onset_to_decision.p50 - 0.3) < 1e-4
    (point,) = frontier([observed("interruption", known(1.1), known(1.2))], {"long": MinSpeech(0.3)})
    assert point.yielded_to == Rate(0, 1)


def test_each_challenger_is_confirmed_once() -> None:
    (point,) = frontier([observed("noise", known(1.5), known(1.6), known(1.7))], {"long": MinSpeech(0.3)})
    assert point.noise_stops.count == 1


def test_what_was_observed_gives_the_decision_of_the_session(tmp_path: Path) -> None:
    clips = []
    for name, text in (("no.wav", "no stop"), ("yeah.wav", "yeah")):
        audio = np.concatenate([np.zeros(8_000, np.float32), encode_words(text)[0], np.zeros(8_000, np.float32)])
        write_wav(tmp_path / name, audio, CLOCK_HZ)
        clips.append(Clip(path=name, label="interruption" if text == "no stop" else "backchannel", onset_s=0.5))
    seen = [each for each in observe_clips(tmp_path, clips, agent) if each is not None]
    (point,) = frontier(seen, {"words": WordsPolicy()})
    played = next(iter(play_clips(tmp_path, clips, agent)))
    assert point.yielded_to == Rate(1, 1)
    assert point.talked_through == Rate(1, 1)
    assert point.onset_to_decision.p50 == played.onset_to_decision_s


def test_of_an_echo_and_of_what_cannot_be_read_nothing_is_known(tmp_path: Path) -> None:
    clips = [Clip(path="gone.wav", label="noise"), Clip(path="gone.wav", label="echo")]
    assert list(observe_clips(tmp_path, clips, agent)) == [None, None]
