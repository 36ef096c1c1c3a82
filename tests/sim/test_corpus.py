import json
import sys
from pathlib import Path

import numpy as np
import pytest

from turnscope import ConfigError
from turnscope.core import CLOCK_HZ, Samples
from turnscope.sim import (
    ENGINES,
    NOISES,
    ROOMS,
    Clip,
    Speaker,
    echo_path,
    find_speakers,
    hum,
    in_room,
    load_corpus,
    make_corpus,
    noise,
    write_manifest,
)
from turnscope.transports import read_audio


def manifest(folder: Path, *lines: str) -> Path:
    (folder / "manifest.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def line(**keys: object) -> str:
    return json.dumps({"path": "a.wav", "label": "noise", **keys})


# The manifest


def test_a_manifest_that_was_written_is_read_back_as_it_was(tmp_path: Path) -> None:
    clips = (
        Clip(path="a.wav", label="interruption", onset_s=0.4, end_s=0.75, kind="word", text="No.", snr_db=-5.0),
        Clip(path="b.flac", label="noise", kind="cough", split="dev", source="a shelf", licence="CC0"),
    )
    write_manifest(tmp_path, clips)
    assert load_corpus(tmp_path) == clips
    assert load_corpus(tmp_path, ("dev",)) == clips[1:]


def test_an_empty_line_is_no_clip(tmp_path: Path) -> None:
    assert len(load_corpus(manifest(tmp_path, line(), "", line(path="b.wav")))) == 2


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (line(label="bird"), "label: Invalid enum value 'bird'"),
        (line(onset="0"), "onset: unknown key; known are path, label, onset_s"),
        (line(onset_s="0"), "onset_s: Expected `float`, got `str`"),
        (line(onset_s=-1), "onset_s: must be a number of seconds from 0 to 3600, got -1.0"),
        (line(onset_s=2, end_s=1), "end_s: must be after onset_s (2), got 1.0"),
        (line(path=""), "path: must not be empty"),
        ('{"path": "a.wav"}', "Object missing required field `label`"),
        ("[]", "must be a JSON object"),
        ("{", "Input data was truncated"),
    ],
)
def test_what_is_wrong_with_a_manifest_is_told_with_file_line_and_key(
    tmp_path: Path, wrong: str, complaint: str
) -> None:
    manifest(tmp_path, line(path="ok.wav"), wrong)
    with pytest.raises(ConfigError) as error:
        load_corpus(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / 'manifest.jsonl'}:2: {complaint}")


def test_a_clip_that_is_listed_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a\.wav is listed twice"):
        load_corpus(manifest(tmp_path, line(), line()))


def test_a_corpus_without_a_manifest_or_without_a_clip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_corpus(tmp_path)
    with pytest.raises(ConfigError, match="no clip of the split dev"):
        load_corpus(manifest(tmp_path, line()), ("dev",))


# Its sounds


@pytest.mark.parametrize("kind", NOISES)
def test_each_noise_is_as_long_as_asked_for_and_the_same_from_the_same_seed(kind: str) -> None:
    first, again, other = (noise(kind, np.random.default_rng(seed), 2.5) for seed in (1, 1, 2))
    assert len(first) == 2.5 * CLOCK_HZ
    assert np.abs(first).max() == 0.5
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_hum_has_the_pitch_that_was_asked_for() -> None:
    voice = hum(np.random.default_rng(3), 200.0, syllables=1, breathy=False)
    spectrum = np.abs(np.fft.rfft(voice, CLOCK_HZ))
    assert 170 <= int(spectrum[80:400].argmax()) + 80 <= 260


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_adds_a_tail_and_keeps_the_beginning(room: str) -> None:
    click = np.zeros(800, np.float32)
    click[100] = 1.0
    heard = in_room(click, room)
    assert len(heard) >= len(click)
    assert int(np.abs(heard).argmax()) == 100
    np.testing.assert_array_equal(heard, in_room(click, room))


def test_an_echo_is_as_quiet_as_its_path_says() -> None:
    path = echo_path("room-1", 18.0)
    assert 10 * np.log10(np.square(path, dtype=np.float64).sum()) == pytest.approx(-18.0)
    assert np.flatnonzero(path)[0] >= 0.005 * CLOCK_HZ


# A made one


def beeps(pitch_hz: float) -> Speaker:
    def say(text: str, pace: float) -> Samples:
        at = np.arange(round(0.05 * len(text) / pace * CLOCK_HZ)) / CLOCK_HZ
        return np.sin(2 * np.pi * pitch_hz * at).astype(np.float32)

    return Speaker(f"beep-{pitch_hz:g}", pitch_hz, say)


@pytest.fixture
def beepers(monkeypatch: pytest.MonkeyPatch) -> tuple[str]:
    monkeypatch.setitem(ENGINES, "beep", lambda: [beeps(100.0 + 20 * k) for k in range(8)])
    return ("beep",)


def test_no_speaker_room_or_noise_of_the_test_is_in_another_split(tmp_path: Path, beepers: tuple[str]) -> None:
    clips = make_corpus(tmp_path / "corpus", clips=120, engines=beepers)
    for key in ("speaker", "room", "noise"):
        test = {getattr(clip, key) for clip in clips if clip.split == "test"} - {""}
        others = {getattr(clip, key) for clip in clips if clip.split != "test"} - {""}
        assert test
        assert others
        assert test & others == set()


def test_a_made_corpus_lists_what_it_holds(tmp_path: Path, beepers: tuple[str]) -> None:
    steps: list[tuple[int, int]] = []
    clips = make_corpus(tmp_path, clips=60, engines=beepers, progress=lambda done, total: steps.append((done, total)))
    assert load_corpus(tmp_path) == clips
    assert {clip.label for clip in clips} == {"interruption", "backchannel", "noise", "echo"}
    assert steps == [(done, len(clips)) for done in range(1, len(clips) + 1)]
    for clip in clips:
        samples = read_audio(tmp_path / clip.path, CLOCK_HZ)
        assert clip.onset_s * CLOCK_HZ < len(samples)
        if clip.label in ("interruption", "backchannel") and clip.snr_db is None:
            assert np.abs(samples[: round((clip.onset_s - 0.01) * CLOCK_HZ)]).max() < 0.01


def test_the_same_seed_makes_the_same_corpus_and_another_one_another(tmp_path: Path, beepers: tuple[str]) -> None:
    def made(name: str, seed: int) -> list[bytes]:
        make_corpus(tmp_path / name, clips=20, seed=seed, engines=beepers)
        return [path.read_bytes() for path in sorted((tmp_path / name).iterdir())]

    assert made("first", 1) == made("again", 1)
    assert made("first-2", 1) != made("other", 2)


def test_a_corpus_is_never_written_over_another(tmp_path: Path, beepers: tuple[str]) -> None:
    manifest(tmp_path, line())
    with pytest.raises(ConfigError, match="there is a corpus already"):
        make_corpus(tmp_path, engines=beepers)


def test_who_cannot_speak_here_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="voices: unknown engine 'parrot'; known are espeak-ng, flite, piper"):
        find_speakers(["parrot"])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="voices: the program flite is not installed"):
        find_speakers(["flite"])


def test_a_program_that_speaks_can_be_a_voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "espeak-ng"
    source = Path(__file__).parent / "speaking_program.py"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {source} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    speakers = find_speakers(["espeak-ng"])
    said = speakers[0].say("Hello.", 1.0)
    assert len(said) == pytest.approx(0.5 * CLOCK_HZ, abs=80)  # the silence around it is gone


@pytest.mark.parametrize("clips", [9, 1_000_001])
def test_a_corpus_has_a_sensible_size(tmp_path: Path, clips: int) -> None:
    with pytest.raises(ConfigError, match="clips: must be between"):
        make_corpus(tmp_path, clips=clips)
