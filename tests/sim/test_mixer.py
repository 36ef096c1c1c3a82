"""What the caller's side sounds like: recordings, noises, levels, several people, and what goes on around them."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.session.calls import AGENT
from turnscope import AudioError, ConfigError
from turnscope.core import CLOCK_HZ, Samples
from turnscope.sim import Background, HangUp, Moment, Play, Scenario, encode_words, load_scenario, simulate
from turnscope.sim._sounds import at_level, looped, sounding_level_db
from turnscope.transports import write_wav

FAKES = """
version = 1
max_s = 20
[agent]
vad = { provider = "fake" }
stt = { provider = "fake" }
tts = { provider = "fake" }
llm = { provider = "scripted", rules = [], fallback = "Sure." }
"""
CALLER = '[[caller]]\nwords = "two lattes please"\nat_s = 0.5\n'

Load = Callable[[str], Scenario]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str) -> Scenario:
        path = tmp_path / "call.scenario.toml"
        path.write_text(FAKES + text, encoding="utf-8")
        return load_scenario(path)

    return load


def plays(scenario: Scenario) -> list[Play]:
    return [step for step in scenario.script if isinstance(step, Play)]


def tone(length_s: float, level: float = 0.1) -> Samples:
    samples: Samples = (np.sin(np.arange(round(length_s * CLOCK_HZ)) * 0.3) * level).astype(np.float32)
    return samples


def power_db(samples: Samples) -> float:
    return float(10 * np.log10(np.square(samples, dtype=np.float64).mean()))


# Sounds


def test_a_noise_is_made_and_is_no_speech(load: Load) -> None:
    [cough, keys] = plays(
        load('[[caller]]\nnoise = "cough"\nat_s = 1\n[[caller]]\nnoise = "keys"\nduration_s = 0.5\nat_s = 2')
    )
    assert (cough.name, cough.speech_start, len(cough.audio)) == ("cough", None, 16_000)
    assert (keys.name, len(keys.audio), float(np.abs(keys.audio).max())) == ("keys", 8_000, 0.5)


def test_a_noise_is_the_same_each_time_and_another_with_another_seed(load: Load) -> None:
    one, same, other = plays(
        load(
            '[[caller]]\nnoise = "cough"\nat_s = 1\n[[caller]]\nnoise = "cough"\nat_s = 2\n'
            '[[caller]]\nnoise = "cough"\nnoise_seed = 1\nat_s = 3'
        )
    )
    assert np.array_equal(one.audio, same.audio)
    assert not np.array_equal(one.audio, other.audio)


def test_a_level_is_that_of_what_sounds(load: Load, tmp_path: Path) -> None:
    spoken = np.concatenate([tone(0.5), np.zeros(3 * CLOCK_HZ, np.float32), tone(0.5)])
    write_wav(tmp_path / "a.wav", spoken, CLOCK_HZ)
    [step] = plays(load('[[caller]]\naudio = "a.wav"\nlevel_dbfs = -30\nat_s = 1'))
    assert power_db(step.audio[: CLOCK_HZ // 2]) == pytest.approx(-30, abs=0.01)
    assert sounding_level_db(step.audio) == pytest.approx(-30, abs=0.01)
    assert power_db(step.audio) < -35  # as its pauses count here


@pytest.mark.parametrize("samples", [tone(0.001), tone(0.015), np.full(160, 0.5, np.float32)])
def test_a_level_can_be_given_to_the_shortest_sound(samples: Samples) -> None:
    assert sounding_level_db(at_level(samples, -20)) == pytest.approx(-20, abs=0.01)


# What goes on around them


def test_a_background_runs_under_the_whole_call_and_begins_anew_where_it_ends() -> None:
    background = Background(np.linspace(0.01, 0.25, 1000).astype(np.float32), 100, 5000)
    call = simulate(AGENT, [HangUp(Moment(0.5))], background=[background])
    expected = np.zeros(8000, np.float32)
    expected[100:5000] = np.resize(background.audio, 4900)
    np.testing.assert_array_equal(call.user[:8000], expected)


def test_it_is_mixed_with_what_is_said(load: Load) -> None:
    scenario = load(CALLER + '[[background]]\nnoise = "fan"\nlevel_dbfs = -45\nfrom_s = 0.25\n')
    call = scenario.run()
    [word] = plays(scenario)
    [fan] = scenario.background
    assert (fan.start, fan.stop) == (4000, None)
    assert not call.user[:4000].any()
    expected = word.audio + np.resize(fan.audio, 4000 + len(word.audio))[4000:]
    np.testing.assert_allclose(call.user[8000 : 8000 + len(word.audio)], expected, atol=1e-7)
    assert sounding_level_db(fan.audio) == pytest.approx(-45, abs=0.3)
    assert call.turns[0].text == "two lattes please"


@pytest.mark.parametrize("snr_db", [5.0, 20.0])
def test_a_signal_to_noise_ratio_is_counted_from_the_level_of_the_speech(
    load: Load, tmp_path: Path, snr_db: float
) -> None:
    write_wav(tmp_path / "street.wav", tone(2.0, 0.9), CLOCK_HZ)
    noise = '[[caller]]\nnoise = "cough"\nat_s = 9\n'
    scenario = load(f'{CALLER}{noise}[[background]]\naudio = "street.wav"\nsnr_db = {snr_db}\n')
    speech, _ = plays(scenario)
    level = sounding_level_db(speech.audio)
    assert sounding_level_db(scenario.background[0].audio[1000:-1000]) == pytest.approx(level - snr_db, abs=0.05)


def test_where_a_background_begins_anew_there_is_no_step() -> None:
    ramp = np.linspace(-1, 1, CLOCK_HZ, dtype=np.float32)  # which would step down by two
    around = np.concatenate([looped(ramp), looped(ramp)])
    assert float(np.abs(np.diff(around)).max()) < 0.01


# Several people, and several times


def test_a_step_can_be_repeated(load: Load) -> None:
    scenario = load(CALLER + '[[caller]]\nwords = "yes"\nafter_previous_s = 0.5\nrepeat = 3\n')
    assert [step.name for step in plays(scenario)] == ["two lattes please", "yes", "yes", "yes"]
    placed = scenario.run().placed
    assert [later.start - earlier.stop for earlier, later in pairwise(placed[:4])] == [8000] * 3


def test_several_steps_can_be_repeated_together(load: Load) -> None:
    group = (
        "[[caller]]\nrepeat = 2\nsteps = ["
        '{ words = "a", after_previous_s = 1 }, { noise = "knock", after_previous_s = 0.5, gain_db = -40 }]\n'
    )
    assert [step.name for step in plays(load(CALLER + group))] == [
        "two lattes please",
        "a",
        "knock",
        "a",
        "knock",
    ]


def test_several_people_do_not_wait_for_each_other(load: Load) -> None:
    child = '[[caller]]\nwords = "{}"\nspeaker = "child"\n{}\n'
    scenario = load(
        '[[caller]]\nwords = "never said"\nafter_agent_says = "goodbye"\n'
        + child.format("mum", "at_s = 1")
        + child.format("look", "after_previous_s = 0.25")
        + '[[caller]]\nhang_up = true\nspeaker = "child"\nafter_previous_s = 1'
    )
    placed = scenario.run().placed
    assert [getattr(step.step, "name", "") for step in placed] == ["mum", "look", ""]
    assert placed[1].start == placed[0].stop + 4000
    assert placed[2].start == placed[1].stop + 16_000


def test_a_step_follows_the_one_before_it_of_the_same_person(load: Load) -> None:
    scenario = load(
        '[[caller]]\nwords = "one"\nat_s = 1\n[[caller]]\nwords = "mum"\nat_s = 2\nspeaker = "child"\n'
        '[[caller]]\nwords = "two"\nafter_previous_s = 0.25'
    )
    one, _, two, _ = scenario.run().placed
    assert two.start == one.stop + 4000


def test_voices_that_overlap_are_both_heard(load: Load) -> None:
    scenario = load(
        '[[caller]]\nwords = "one"\nat_s = 1\n[[caller]]\nwords = "two"\nat_s = 1.1\nspeaker = "B"\ngain_db = -6'
    )
    call = scenario.run()
    one, two = plays(scenario)
    start = 16_000 + 1600
    both = encode_words("one")[0][1600:3200] + two.audio[:1600]
    np.testing.assert_array_equal(call.user[start : start + 1600], both)
    assert one.speaker != two.speaker


BAD = {
    "unknown noise": ('[[caller]]\nnoise = "lunch"\nat_s = 1', "caller[0].noise: unknown noise 'lunch'; one of bark, "),
    "length of words": (
        '[[caller]]\nwords = "a"\nduration_s = 1\nat_s = 1',
        "caller[0].duration_s: only means something beside noise",
    ),
    "no length": (
        '[[caller]]\nnoise = "fan"\nduration_s = 0\nat_s = 1',
        "caller[0].duration_s: must be from 0.01 to 600, got 0",
    ),
    "negative seed": (
        '[[caller]]\nnoise = "fan"\nnoise_seed = -1\nat_s = 1',
        "caller[0].noise_seed: must not be negative, got -1",
    ),
    "two levels": (
        '[[caller]]\nwords = "a"\ngain_db = 1\nlevel_dbfs = -3\nat_s = 1',
        "caller[0].level_dbfs: means nothing beside gain_db",
    ),
    "too loud": (
        '[[caller]]\nwords = "a"\nlevel_dbfs = 3\nat_s = 1',
        "caller[0].level_dbfs: must be from -100 to 0, got 3",
    ),
    "label of a noise": (
        '[[caller]]\nnoise = "fan"\nspeech_starts_s = 0\nat_s = 1',
        "caller[0].speech_starts_s: means nothing beside noise",
    ),
    "no repetition": (
        '[[caller]]\nwords = "a"\nrepeat = 0\nat_s = 1',
        "caller[0].repeat: must be from 1 to 10000, got 0",
    ),
    "repeated at one time": (
        '[[caller]]\nwords = "a"\nrepeat = 2\nat_s = 1',
        "caller[0].at_s: happens once, and cannot be repeated",
    ),
    "hanging up twice": (
        "[[caller]]\nhang_up = true\nrepeat = 2\nafter_quiet_s = 1",
        "caller[0].hang_up: happens once",
    ),
    "no steps": ("[[caller]]\nrepeat = 2\nsteps = []", "caller[0].steps: must have at least one step"),
    "repeated in what is repeated": (
        '[[caller]]\nrepeat = 2\nsteps = [{ words = "a", after_quiet_s = 1, repeat = 2 }]',
        "caller[0].steps[0].repeat: means nothing inside of what is repeated",
    ),
    "wrong in what is repeated": (
        '[[caller]]\nrepeat = 2\nsteps = [{ words = "a", after_quiet_s = 1, loud = 2 }]',
        "caller[0].steps[0].loud: unknown key; known here: audio, words, ",
    ),
    "background of words": (
        CALLER + '[[background]]\nwords = "a"',
        "background[0]: must have exactly one of audio and noise, got none",
    ),
    "ratio to nobody": (
        '[[caller]]\nnoise = "fan"\nat_s = 1\n[[background]]\nnoise = "street"\nsnr_db = 3',
        "background[0].snr_db: the caller never speaks; give level_dbfs instead",
    ),
    "ratio and level": (
        CALLER + '[[background]]\nnoise = "street"\nsnr_db = 3\ngain_db = 1',
        "background[0].gain_db: means nothing beside snr_db",
    ),
    "unbelievable ratio": (
        CALLER + '[[background]]\nnoise = "street"\nsnr_db = 300',
        "background[0].snr_db: must be from -60 to 100, got 300",
    ),
    "end before the beginning": (
        CALLER + '[[background]]\nnoise = "street"\nfrom_s = 3\nuntil_s = 3',
        "background[0].until_s: must be after from_s (3), got 3",
    ),
    "missing recording": (CALLER + '[[background]]\naudio = "no.wav"', "background[0].audio: "),
}


@pytest.mark.parametrize(("text", "complaint"), BAD.values(), ids=BAD)
def test_what_makes_no_sense_is_refused(load: Load, text: str, complaint: str) -> None:
    with pytest.raises((ConfigError, AudioError)) as caught:
        load(text)
    assert f"call.scenario.toml: {complaint}" in str(caught.value)


def test_a_background_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="audio must not be empty"):
        Background(np.zeros(0, np.float32))
