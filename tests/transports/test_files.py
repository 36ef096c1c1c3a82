"""Recordings on disk: what is read is what was written, and a bad file is named in one line."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from turnscope._errors import AudioError
from turnscope.core import Samples, from_pcm16, resample
from turnscope.transports import read_audio, read_channels, write_wav

HZ = 16_000


def noise(count: int, channels: int | None = None) -> Samples:
    shape = count if channels is None else (count, channels)
    return np.random.default_rng(5).uniform(-0.5, 0.5, shape).astype(np.float32)


@given(st_numpy.arrays(np.int16, st.integers(0, 400)))
def test_pcm16_comes_back_bit_for_bit(tmp_path_factory: pytest.TempPathFactory, pcm: npt.NDArray[np.int16]) -> None:
    path = tmp_path_factory.getbasetemp() / "round_trip.wav"
    write_wav(path, from_pcm16(pcm), HZ)
    np.testing.assert_array_equal(read_audio(path, HZ), from_pcm16(pcm))


def test_the_same_samples_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.wav", "two.wav"):
        write_wav(tmp_path / name, noise(1000), HZ)
    assert (tmp_path / "one.wav").read_bytes() == (tmp_path / "two.wav").read_bytes()


def test_what_is_written_is_pcm16_wav_that_others_read(tmp_path: Path) -> None:
    write_wav(tmp_path / "stereo.wav", noise(1000, 2), 24_000)
    info = soundfile.info(tmp_path / "stereo.wav")
    assert (info.samplerate, info.channels, info.frames, info.subtype) == (24_000, 2, 1000, "PCM_16")


def test_what_is_too_loud_is_clipped(tmp_path: Path) -> None:
    write_wav(tmp_path / "loud.wav", np.array([-3.0, 3.0], np.float32), HZ)
    assert read_audio(tmp_path / "loud.wav", HZ).tolist() == [-1.0, 32767 / 32768]


@pytest.mark.parametrize(("suffix", "subtype"), [("wav", "FLOAT"), ("flac", "PCM_24"), ("aiff", "PCM_16")])
def test_any_format_rate_and_number_of_channels_becomes_mono_at_the_rate_wanted(
    tmp_path: Path, suffix: str, subtype: str
) -> None:
    stereo = noise(44_100, 2)
    soundfile.write(tmp_path / f"in.{suffix}", stereo, 44_100, subtype=subtype)
    expected = resample(stereo.mean(axis=1, dtype=np.float32), 44_100, HZ)
    np.testing.assert_allclose(read_audio(tmp_path / f"in.{suffix}", HZ), expected, atol=4e-5)


def test_the_channels_of_a_recording_can_be_had_apart(tmp_path: Path) -> None:
    stereo = from_pcm16((noise(150_000, 2) * 32_000).astype(np.int16))
    write_wav(tmp_path / "call.wav", stereo, HZ)
    left, right = read_channels(tmp_path / "call.wav", HZ)
    np.testing.assert_array_equal(np.stack([left, right], axis=1), stereo)
    (alone,) = read_channels(tmp_path / "call.wav", HZ)[:1]
    assert len(alone) == 150_000
    with pytest.raises(AudioError, match=r"gone.wav: there is no such file"):
        read_channels(tmp_path / "gone.wav", HZ)


def test_a_recording_longer_than_a_block_is_read_without_a_seam(tmp_path: Path) -> None:
    long = from_pcm16((noise(150_000) * 32_000).astype(np.int16))
    write_wav(tmp_path / "long.wav", long, 48_000)
    assert read_audio(tmp_path / "long.wav", HZ).tobytes() == resample(long, 48_000, HZ).tobytes()


def test_a_recording_of_nothing_is_empty(tmp_path: Path) -> None:
    write_wav(tmp_path / "nothing.wav", np.zeros(0, np.float32), HZ)
    assert read_audio(tmp_path / "nothing.wav", HZ).size == 0


def broken_files(folder: Path) -> dict[str, str]:
    """Files that cannot be read, and what their errors say."""
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("hello, I am no audio")
    (folder / "headerless.raw").write_bytes(bytes(1000))
    soundfile.write(folder / "nan.wav", np.array([0.0, np.nan]), HZ, subtype="FLOAT")
    for suffix in ("wav", "flac", "ogg"):
        soundfile.write(folder / f"cut.{suffix}", noise(20_000), HZ)
        content = (folder / f"cut.{suffix}").read_bytes()
        (folder / f"cut.{suffix}").write_bytes(content[: len(content) // 2])
    return {
        "missing.wav": "there is no such file",
        ".": "not a file",
        "empty.wav": "the file is empty",
        "text.wav": "not readable as audio (Format not recognised)",
        "headerless.raw": "not readable as audio (",
        "nan.wav": "holds NaN or infinity",
        "cut.wav": "damaged: it holds 19978 of 40000 bytes of audio",
        "cut.flac": "",
        "cut.ogg": "damaged",
    }


def test_a_file_that_cannot_be_read_is_named_with_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    for name, reason in broken_files(tmp_path).items():
        with pytest.raises(AudioError) as raised:
            read_audio(tmp_path / name, HZ)
        message = str(raised.value)
        assert message.startswith(f"{tmp_path / name}: ")
        assert reason in message
        assert "\n" not in message


def test_a_wav_from_a_pipe_whose_length_was_never_filled_in_is_read(tmp_path: Path) -> None:
    write_wav(tmp_path / "whole.wav", noise(1000), HZ)
    content = bytearray((tmp_path / "whole.wav").read_bytes())
    content[40:44] = content[4:8] = b"\xff\xff\xff\xff"
    (tmp_path / "piped.wav").write_bytes(content)
    np.testing.assert_array_equal(read_audio(tmp_path / "piped.wav", HZ), read_audio(tmp_path / "whole.wav", HZ))


def test_a_wav_with_other_chunks_before_its_audio_is_read(tmp_path: Path) -> None:
    write_wav(tmp_path / "plain.wav", noise(100), HZ)
    content = (tmp_path / "plain.wav").read_bytes()
    odd = b"note" + (3).to_bytes(4, "little") + b"abc\0"
    (tmp_path / "noted.wav").write_bytes(
        b"RIFF" + (len(content) - 8 + len(odd)).to_bytes(4, "little") + content[8:36] + odd + content[36:]
    )
    np.testing.assert_array_equal(read_audio(tmp_path / "noted.wav", HZ), read_audio(tmp_path / "plain.wav", HZ))


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wav(tmp_path / "kept.wav", noise(10), HZ)
    before = (tmp_path / "kept.wav").read_bytes()

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(AudioError, match=r"kept\.wav: cannot be written \(No space left on device\)"):
        write_wav(tmp_path / "kept.wav", noise(20), HZ)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.wav"]
    assert (tmp_path / "kept.wav").read_bytes() == before


def test_what_cannot_be_a_wav_is_refused_with_the_files_name(tmp_path: Path) -> None:
    for samples in (np.zeros((2, 2, 2), np.float32), np.array([np.inf], np.float32)):
        with pytest.raises(AudioError, match=r"bad\.wav: "):
            write_wav(tmp_path / "bad.wav", samples, HZ)
    with pytest.raises(AudioError, match=r"bad\.wav: .* got int16"):
        write_wav(tmp_path / "bad.wav", np.zeros(3, np.int16), HZ)
    with pytest.raises(AudioError, match=r"nowhere.*cannot be written \(No such file or directory\)"):
        write_wav(tmp_path / "nowhere" / "bad.wav", noise(3), HZ)
    assert not list(tmp_path.iterdir())
