"""One scenario file, several runs."""

from pathlib import Path
from typing import Any

import pytest

from turnscope import ConfigError
from turnscope.cli import main
from turnscope.core import InterruptionSettings
from turnscope.sim import Moment, Play, load_scenario, load_scenarios

FILE = """
version = 1
name = "latte"
seed = "{seed}"
[agent]
vad = { provider = "fake" }
stt = { provider = "fake" }
tts = { provider = "fake" }
interruption = { fade_s = 0.02, reaction = "{reaction}" }
llm = { provider = "scripted", rules = [{ when = "(?P<what>lattes)", reply = "Two {what}, {{of course}}." }] }
[[caller]]
words = "{number} lattes"
at_s = 0.5
"""
ROWS = """
[[parameters]]
name = "calm"
seed = 1
reaction = "duck"

[[parameters]]
seed = 2
reaction = "pause"
"""
MATRIX = "[matrix]\nnumber = ['two', 3]\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "call.scenario.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_row_is_run_with_each_combination_of_the_matrix(tmp_path: Path) -> None:
    scenarios = load_scenarios(written(tmp_path, FILE + ROWS + MATRIX))
    assert [scenario.name for scenario in scenarios] == [
        "latte[calm,number=two]",
        "latte[calm,number=3]",
        "latte[seed=2,reaction=pause,number=two]",
        "latte[seed=2,reaction=pause,number=3]",
    ]
    assert [scenario.seed for scenario in scenarios] == [1, 1, 2, 2]
    assert scenarios[3].parameters == {"seed": 2, "reaction": "pause", "number": 3}
    assert scenarios[0].agent.interruption == InterruptionSettings(fade_s=0.02, reaction="duck")
    said = [scenario.script[0] for scenario in scenarios]
    assert [step.name for step in said if isinstance(step, Play)] == ["two lattes", "3 lattes"] * 2


def test_braces_that_are_no_parameter_stay_and_values_keep_their_types(tmp_path: Path) -> None:
    rows = '[[parameters]]\nname = "a"\nseed = 5\nreaction = "duck"\nnumber = "two"\n'
    [scenario] = load_scenarios(written(tmp_path, FILE + rows))
    call = scenario.run()
    assert "".join(call.turns[0].reply) == "Two lattes, {of course}."
    assert scenario.check(call) == ()


def test_a_value_may_be_a_table_or_a_list_and_runs_are_then_counted(tmp_path: Path) -> None:
    text = FILE.replace('"{number} lattes"', '"two lattes"').replace('"{seed}"', "1")
    text = text.replace('interruption = { fade_s = 0.02, reaction = "{reaction}" }', 'interruption = "{settings}"')
    matrix = "[matrix]\nsettings = [{ fade_s = 0.01 }, { fade_s = 0.03 }]\n"
    scenarios = load_scenarios(written(tmp_path, text + matrix))
    assert [scenario.variant for scenario in scenarios] == ["settings0", "settings1"]
    assert [scenario.agent.interruption.fade_s for scenario in scenarios] == [0.01, 0.03]


def test_a_file_without_parameters_is_one_run(tmp_path: Path) -> None:
    text = FILE.replace("{seed}", "1").replace('"1"', "1").replace("{reaction}", "pause").replace("{number}", "two")
    [scenario] = load_scenarios(written(tmp_path, text))
    assert (scenario.name, scenario.variant, scenario.parameters) == ("latte", "", {})
    assert scenario.script[0].moment == Moment(0.5)


def test_where_one_run_is_wanted_a_file_with_several_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, FILE + ROWS + MATRIX)
    with pytest.raises(ConfigError, match=r"call\.scenario\.toml: holds 4 runs, where one is wanted"):
        load_scenario(path)


BAD: dict[str, tuple[str, str]] = {
    "not used": (
        "[matrix]\nnumber = [1]\nspeed = [1]\n" + ROWS,
        " [calm,number=1,speed=1]: parameter speed: is not used",
    ),
    "missing in a row": (ROWS + "[[parameters]]\nseed = 1\n" + MATRIX, ": parameters[2].reaction: is missing"),
    "missing in the first row": (
        ROWS + "[[parameters]]\nseed = 3\nreaction = 'duck'\npace = 1\n" + MATRIX,
        ": parameters[2].pace: is missing in parameters[0]",
    ),
    "given twice": (ROWS + "[matrix]\nseed = [1]\nnumber = [1]\n", ": matrix.seed: is one of the parameters, too"),
    "no value": (ROWS + "[matrix]\nnumber = []\n", ": matrix.number: must have at least one value"),
    "no list": (ROWS + "[matrix]\nnumber = 1\n", ": matrix.number: must be a list, got a whole number"),
    "one name for two runs": (
        ROWS + "[[parameters]]\nname = 'calm'\nseed = 3\nreaction = 'duck'\n" + MATRIX,
        ": parameters: two runs are called 'calm,number=two'",
    ),
    "no name": (ROWS + "[matrix]\n'a b' = [1]\n", ": matrix.a b: must be a name of letters, digits and _"),
    "wrong in one run": (
        ROWS.replace('"pause"', '"shout"') + MATRIX,
        " [seed=2,reaction=shout,number=two]: agent.interruption.reaction: must be one of ",
    ),
}


@pytest.mark.parametrize(("text", "complaint"), BAD.values(), ids=BAD)
def test_parameters_that_make_no_sense_are_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = written(tmp_path, FILE + text)
    with pytest.raises(ConfigError) as caught:
        load_scenarios(path)
    assert str(caught.value).startswith(f"{path}{complaint}")


def test_the_command_line_holds_every_run_in_a_folder_of_its_own_or_the_one_that_is_asked_for(
    tmp_path: Path, capsys: Any
) -> None:
    path = written(tmp_path, FILE + ROWS + MATRIX + '[[expect]]\nturn = 1\nasked = "two lattes"\n')
    out = tmp_path / "out"
    assert main(["simulate", str(path), "--out", str(out), "--quiet"]) == 1
    shown = capsys.readouterr()
    assert sorted(folder.name for folder in out.iterdir()) == [
        "calm,number=3",
        "calm,number=two",
        "seed=2,reaction=pause,number=3",
        "seed=2,reaction=pause,number=two",
    ]
    assert shown.err.splitlines()[0].startswith(
        f"turnscope: failed: {path} [calm,number=3]: expect[0].asked: expected 'two lattes', found '3 lattes' (at "
    )
    assert shown.err.splitlines()[-1] == f"turnscope: error: {path}: 2 failures"
    one = tmp_path / "one"
    assert main(["simulate", str(path), "--out", str(one), "--quiet", "--run", "calm,number=two"]) == 0
    assert [folder.name for folder in one.iterdir()] == ["calm,number=two"]
    assert main(["simulate", str(path), "--out", str(one), "--run", "loud"]) == 2
    assert "no run is called 'loud'; known are calm,number=two, " in capsys.readouterr().err
