from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from turnscope import Agent, ScriptedLLM
from turnscope.core import CLOCK_HZ, Evidence, InterruptionSettings, Ruling, Samples
from turnscope.sim import (
    MONOLOGUE,
    Clip,
    ClipResult,
    FakeSTT,
    FakeTTS,
    FakeVAD,
    KeptTTS,
    Label,
    Moment,
    Play,
    encode_words,
    play_clips,
    simulate,
)
from turnscope.transports import write_wav

REPLY = ScriptedLLM([], fallback=MONOLOGUE)


def agent() -> Agent:
    return Agent(vad=FakeVAD(), stt=FakeSTT(), llm=REPLY, tts=KeptTTS(FakeTTS()))


def ducking_agent() -> Agent:
    return Agent(
        vad=FakeVAD(), stt=FakeSTT(), llm=REPLY, tts=FakeTTS(), interruption=InterruptionSettings(reaction="duck")
    )


def clip(folder: Path, name: str, label: Label, audio: Samples, onset_s: float = 0.0) -> Clip:
    write_wav(folder / name, audio, CLOCK_HZ)
    return Clip(path=name, label=label, onset_s=onset_s)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * CLOCK_HZ), np.float32)


def spoken(text: str, lead_s: float = 0.5) -> Samples:
    return np.concatenate([silence(lead_s), encode_words(text)[0], silence(0.3)])


def played(folder: Path, clips: list[Clip]) -> list[ClipResult]:
    return list(play_clips(folder, clips, agent))


def test_an_interruption_is_yielded_to_and_a_nod_is_not(tmp_path: Path) -> None:
    no, yeah = played(
        tmp_path,
        [
            clip(tmp_path, "no.wav", "interruption", spoken("no stop"), 0.5),
            clip(tmp_path, "yeah.wav", "backchannel", spoken("yeah"), 0.5),
        ],
    )
    assert (no.interrupted, no.stops, no.text) == (True, 1, "no stop")
    assert (yeah.interrupted, yeah.stops, yeah.yields, yeah.evidence) == (False, 0, 1, "backchannel")


def test_latencies_count_from_the_label_to_the_session_s_own_times(tmp_path: Path) -> None:
    audio = spoken("no stop")
    (result,) = list(play_clips(tmp_path, [clip(tmp_path, "no.wav", "interruption", audio, 0.5)], ducking_agent))
    call = simulate(
        ducking_agent(),
        [Play(audio, Moment(1.0, "agent_starts", 1))],
        drive=lambda session: session.say(MONOLOGUE),
        max_s=6.0,
    )
    onset = call.placed[0].start + CLOCK_HZ // 2
    outcome = call.turns[0].outcome
    assert outcome is not None
    assert outcome.kind == "interrupted"
    assert result.onset_to_decision_s == (outcome.cause.decision - onset) / CLOCK_HZ  # type: ignore[union-attr]
    assert result.onset_to_silence_s == (outcome.silence - onset) / CLOCK_HZ  # type: ignore[union-attr,operator]
    last = int(np.flatnonzero(call.agent[: onset + CLOCK_HZ])[-1]) + 1
    assert result.onset_to_silence_s == pytest.approx((last - onset) / CLOCK_HZ, abs=0.01)
    assert result.onset_to_yield_s is not None
    assert result.onset_to_decision_s is not None
    assert 0 < result.onset_to_yield_s < result.onset_to_decision_s


def test_every_false_stop_of_a_noise_counts_because_the_agent_speaks_again(tmp_path: Path) -> None:
    twice = np.concatenate([spoken("no stop"), silence(6.0), spoken("no stop"), silence(1.0)])
    (result,) = played(tmp_path, [clip(tmp_path, "tv.wav", "noise", twice)])
    assert result.stops == 2
    assert result.duration_s == len(twice) / CLOCK_HZ


def test_what_interrupts_before_the_label_is_early_and_no_success(tmp_path: Path) -> None:
    audio = np.concatenate([encode_words("no stop")[0], silence(2.0), encode_words("well")[0]])
    (result,) = played(tmp_path, [clip(tmp_path, "late.wav", "interruption", audio, len(audio) / CLOCK_HZ - 0.1)])
    assert (result.early, result.interrupted, result.stops) == (True, False, 1)


def test_a_step_back_for_something_before_the_label_that_was_undone_is_not_the_yield(tmp_path: Path) -> None:
    cough = np.random.default_rng(1).uniform(0.05, 0.25, 3_200).astype(np.float32)
    audio = np.concatenate([cough, silence(3.0), encode_words("no stop")[0], silence(0.5)])
    (result,) = played(tmp_path, [clip(tmp_path, "no.wav", "interruption", audio, 3.2)])
    assert (result.interrupted, result.early, result.yields) == (True, False, 2)
    assert result.onset_to_yield_s is not None
    assert 0 < result.onset_to_yield_s < 0.1


def test_an_agent_that_hears_itself_is_measured_with_an_echo(tmp_path: Path) -> None:
    loud, none = np.zeros(400, np.float32), np.zeros(400, np.float32)
    loud[300] = 1.0
    clips = [clip(tmp_path, "near.wav", "echo", loud), clip(tmp_path, "far.wav", "echo", none)]
    near, far = play_clips(tmp_path, clips, lambda: replace(agent(), echo_guard=False))
    assert near.yields > 0
    assert near.duration_s == 10.0
    assert (far.yields, far.stops) == (0, 0)


def test_a_bad_clip_is_told_by_name_and_the_others_are_played(tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"no audio")
    bad, empty, good = played(
        tmp_path,
        [
            Clip(path="bad.wav", label="noise"),
            clip(tmp_path, "empty.wav", "noise", silence(0)),
            clip(tmp_path, "no.wav", "interruption", spoken("no stop"), 0.5),
        ],
    )
    assert "bad.wav" in bad.error
    assert empty.error == "the recording is empty"
    assert good.interrupted


class Raising:
    """A policy with a fault of its own."""

    def judge(self, evidence: Evidence) -> Ruling:
        raise ZeroDivisionError("too clever")


class Deaf(FakeVAD):
    """A detector that cannot even begin."""

    def open_stream(self) -> FakeVAD:
        raise RuntimeError("no ears")


def test_a_policy_that_raises_is_told_and_what_the_default_made_of_it_does_not_count(tmp_path: Path) -> None:
    clips = [clip(tmp_path, "no.wav", "interruption", spoken("no stop"), 0.5)]
    raising = replace(agent(), interruption=InterruptionSettings(policy=Raising()))
    (result,) = play_clips(tmp_path, clips, lambda: raising)
    assert result.error.startswith("the policy Raising failed: ZeroDivisionError: too clever")
    assert replace(result, error="") == ClipResult(clip=clips[0])


def test_whatever_an_agent_s_part_raises_is_told_with_its_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = [clip(tmp_path, f"{k}.wav", "interruption", spoken("no stop"), 0.5) for k in range(2)]
    playing = play_clips(tmp_path, clips, agent)
    assert next(playing).error == ""
    monkeypatch.setattr(FakeVAD, "open_stream", Deaf.open_stream)
    assert "RuntimeError: no ears" in next(playing).error


def test_silence_is_measured_from_the_label_in_the_agent_s_track(tmp_path: Path) -> None:
    made = [
        clip(tmp_path, "no.wav", "interruption", spoken("no stop"), 0.5),
        clip(tmp_path, "yeah.wav", "backchannel", spoken("yeah"), 0.5),
    ]
    no, yeah = play_clips(tmp_path, made, ducking_agent)
    assert no.spoken_over
    assert no.fell_silent_s == pytest.approx(no.onset_to_silence_s, abs=0.02)
    assert (yeah.spoken_over, yeah.fell_silent_s) == (True, None)


def test_the_result_of_a_clip_does_not_depend_on_the_others_or_on_processes(tmp_path: Path) -> None:
    clips = [
        clip(tmp_path, f"{k}.wav", "interruption", spoken(text, 0.3 + k / 100), 0.3 + k / 100)
        for k, text in enumerate(["no stop", "wait for me", "yeah"])
    ]
    alone = [result for each in clips for result in played(tmp_path, [each])]
    assert played(tmp_path, clips) == alone
    assert list(play_clips(tmp_path, clips[::-1], agent, jobs=2)) == alone[::-1]


def test_the_caller_s_track_holds_the_echo_of_the_agent() -> None:
    path = np.zeros(200, np.float32)
    path[160] = 0.5
    call = simulate(agent(), [], drive=lambda session: session.say("one two three"), max_s=3.0, echo=path)
    np.testing.assert_allclose(call.user[160:], 0.5 * call.agent[:-160], atol=1e-6)
    assert np.abs(call.user).max() > 0
