"""A conversation is held in every case; what breaks in one of them is found, made small, and can be held again."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sim import planted
from turnscope import ConfigError, PiperTTS, WhisperSTT
from turnscope.cli import main
from turnscope.core import CLOCK_HZ, Interrupted
from turnscope.providers import Pure
from turnscope.session import Session
from turnscope.sim import (
    Call,
    Case,
    HangUp,
    Hold,
    LikeSimulate,
    Moment,
    Play,
    Rehearsal,
    VirtualCompute,
    WorkMemory,
    explore,
    load_scenario,
    simulate,
)

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
FAKES = EXAMPLES / "fakes" / "interrupted.scenario.toml"


def hold_again(command: str) -> int:
    """Do what a report says that one should do."""
    program, *arguments = shlex.split(command)
    assert program == "turnscope"
    return main(arguments)


# Planted faults


@pytest.mark.feature("X2")
@pytest.mark.parametrize(
    ("hold", "every_s", "stride", "says"),
    [
        (planted.a_sample_after_the_gate_shut, None, 1, "was heard after turn 1 had been silenced"),
        (planted.a_word_too_many, 0.05, 1000, "counts 'Your' as heard, but the track says"),
        (planted.a_task_left_behind, None, 8, "1 tasks outlived the session"),
    ],
)
def test_a_planted_fault_is_found_and_named_and_its_command_shows_it_again(
    hold: Hold, every_s: float | None, stride: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert planted.sound(simulate).turns[0].outcome is not None
    found = explore(hold, every_s=every_s, ways=["interrupt"], stride=stride, schedules=1)
    assert [says in breach.what for breach in found.breaches] == [True]
    (breach,) = found.breaches
    assert 0 < breach.count < found.cases / 4, "it is rare"

    assert hold_again(breach.command) == 1
    assert breach.what in capsys.readouterr().out.splitlines()


def test_where_nothing_is_planted_nothing_is_found() -> None:
    found = explore(planted.sound, every_s=0.1, ways=["interrupt", "end"], stride=25, schedules=2)
    assert found.breaches == ()
    assert found.seeds == (1, 2)
    assert found.cases == 2 + 2 * found.moments + 2 * sum(-(-count // 25) for count in found.awaits.values())
    assert 5 < found.distinct < found.cases


def test_the_smallest_case_has_no_step_that_is_not_needed() -> None:
    (breach,) = explore(planted.a_task_left_behind, every_s=None, ways=["interrupt"], stride=8, schedules=1).breaches
    take = Rehearsal(planted.a_task_left_behind).hold(breach.case)
    assert breach.case.drop == (1, 2)
    assert take.call is not None
    assert [placed.step for placed in take.call.placed] == [planted.SCRIPT[0], planted.SCRIPT[3]]
    for awaits in range(1, breach.case.awaits):
        earlier = Case(seed=1, awaits=awaits, way="interrupt", drop=(1, 2))
        assert Rehearsal(planted.a_task_left_behind).hold(earlier).broken == ()


# Cases


def interrupts_itself(session: Session) -> None:
    session.interrupt("by name")


def test_each_case_is_what_its_name_says() -> None:
    rehearsal = Rehearsal(planted.sound)
    assert rehearsal.plain.call is not None
    assert rehearsal.plain.call.jsonl() == planted.sound(simulate).jsonl()

    moved = rehearsal.hold(Case(seed=1, move=1, at=30_000)).call
    assert moved is not None
    assert [(placed.step.audio is planted.SCRIPT[1].audio, placed.start) for placed in moved.placed[1:2]] == [  # type: ignore[union-attr]
        (True, 30_000)
    ]
    added = rehearsal.hold(Case(seed=1, add=1, at=50_000)).call
    assert added is not None
    assert len(added.placed) == len(planted.SCRIPT) + 1
    assert added.placed[-1].start == 50_000

    cut = rehearsal.hold(Case(seed=1, awaits=60, way="tests.sim.test_exploring:interrupts_itself")).call
    assert cut is not None
    assert isinstance(cut.turns[0].outcome, Interrupted)
    assert cut.turns[0].outcome.cause.reason == "by name"


def test_words_are_moved_from_the_end_of_what_was_said_before_to_the_last_sample_of_the_agent() -> None:
    found = explore(planted.sound, every_s=1.0, schedules=1)
    assert found.barge_in is not None
    assert (found.barge_in.step, found.barge_in.moved) == (1, True)
    undisturbed = Rehearsal(planted.sound).hold(Case(seed=1, drop=(1,))).call
    assert undisturbed is not None
    assert found.barge_in.start == undisturbed.placed[0].stop
    assert found.barge_in.stop == np.flatnonzero(undisturbed.agent)[-1] + 1
    assert found.moments == len(range(CLOCK_HZ, found.barge_in.stop, CLOCK_HZ))


def only_a_question(simulate: LikeSimulate) -> Call:
    return simulate(planted.AGENT, [planted.SCRIPT[0], HangUp(Moment(1.5, "quiet"))], seed=3)


def test_where_nobody_cuts_in_the_last_words_are_given_once_more() -> None:
    found = explore(only_a_question, every_s=0.5, schedules=2)
    assert found.barge_in is not None
    assert (found.barge_in.step, found.barge_in.moved) == (0, False)
    assert found.distinct > 2
    assert found.seeds == (3, 4)


STEPS = st.none() | st.integers(0, 20)
CASES = st.builds(
    lambda seed, cut_in, cut, drop: Case(seed=seed, drop=drop, **cut_in, **cut),
    st.integers(0, 10**6),
    st.just({})
    | st.fixed_dictionaries({"at": st.integers(0, 10**8), "move": st.integers(0, 99)})
    | st.fixed_dictionaries({"at": st.integers(0, 10**8), "add": st.integers(0, 99)}),
    st.just({}) | st.fixed_dictionaries({"awaits": st.integers(1, 10**6), "way": st.sampled_from(["end", "a.b:c"])}),
    st.lists(st.integers(0, 99), unique=True, max_size=3).map(tuple),
)


@given(CASES)
def test_a_case_can_be_written_and_read(case: Case) -> None:
    assert Case.parse(str(case)) == case


def test_a_case_reads_like_a_sentence() -> None:
    assert str(Case(seed=4, at=51_360, move=1)) == "at=3.21,move=1,seed=4"
    assert str(Case(seed=0, awaits=17, way="end", drop=(2, 3))) == "await=17,way=end,drop=2+3,seed=0"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("at=1", "seed=… is missing"),
        ("at=1,seed=1", "at=… goes with one of move=… and add=…"),
        ("await=1,seed=1", "await=… goes with way=…"),
        ("seed=-1", "seed: must not be negative, got -1"),
        ("seed=x", "'seed=x': invalid literal"),
        ("when=1,seed=1", "'when=1': must be one of at=…"),
        ("seed=1,seed=1", "'seed=1': must be one of at=…"),
    ],
)
def test_what_is_no_case_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as error:
        Case.parse(text)
    assert complaint in str(error.value)


# What the application demands


def never_says_fine(call: Call) -> list[str]:
    return [f"turn {turn.turn_id} says {turn.reply[0]!r}" for turn in call.turns if turn.reply[:1] == ["Fine."]]


def has_two_turns(call: Call) -> None:
    assert len(call.turns) == 2, "two turns"


def test_what_the_application_demands_is_checked_too() -> None:
    found = explore(planted.sound, every_s=0.5, schedules=1, checks=[never_says_fine, has_two_turns])
    assert sorted(breach.what for breach in found.breaches) == ["has_two_turns: two turns", "turn 2 says 'Fine.'"]
    (breach,) = (breach for breach in found.breaches if "Fine" in breach.what)
    checks = "--check tests.sim.test_exploring:never_says_fine --check tests.sim.test_exploring:has_two_turns"
    assert breach.command == f"turnscope explore tests.sim.planted:sound {checks} --only drop=2,seed=1"


def fails(simulate: LikeSimulate) -> Call:
    call = simulate(planted.AGENT, planted.SCRIPT)
    if len(call.placed) and isinstance(call.placed[1].step, Play) and call.placed[1].start == 2 * CLOCK_HZ:
        raise OSError("the disk is full")
    return call


def test_a_call_that_cannot_be_held_is_a_breach() -> None:
    (breach,) = explore(fails, every_s=1.0, schedules=2).breaches
    assert breach.what == "the call could not be held: OSError: the disk is full"
    assert str(breach.case) == "at=2,move=1,drop=2,seed=0"
    assert breach.count == 2


# Many processes, and what was computed once


def test_the_result_is_the_same_with_several_processes() -> None:
    options = {"every_s": 0.4, "ways": ["interrupt"], "stride": 16, "schedules": 2}
    alone = explore("tests.sim.planted:a_task_left_behind", **options)  # type: ignore[arg-type]
    assert explore("tests.sim.planted:a_task_left_behind", jobs=2, **options) == alone  # type: ignore[arg-type]
    assert alone.breaches


@pytest.mark.trio
async def test_work_is_remembered_only_if_it_is_pure_and_costs_what_it_costs() -> None:
    done: list[object] = []

    def add(array: object, more: int) -> int:
        done.append(array)
        return more + 1

    memory = WorkMemory()
    compute = VirtualCompute(memory=memory)
    sound = np.arange(4, dtype=np.float32)
    for work, result in (
        (Pure(add, sound, 1), 2),
        (Pure(add, sound.copy(), 1), 2),
        (Pure(add, sound.astype(np.float64), 1), 2),
        (Pure(add, sound[::2], 1), 2),
        (Pure(add, sound, 2), 3),
        (Pure(add, sound, True), 2),
        (lambda: add(sound, 1), 2),
        (lambda: add(sound, 1), 2),
    ):
        assert await compute.run(work, cost_s=0.5, name="adding") == result
    assert len(done) == 7
    assert (memory.computed, memory.recalled) == (5, 1)


@pytest.mark.models
def test_a_conversation_with_models_is_the_same_to_the_sample_when_its_work_is_remembered() -> None:
    scenario = load_scenario(EXAMPLES / "barge_in" / "barge_in.scenario.toml")
    cache: dict[str, object] = {}
    scenario.run(hold=lambda *arguments, **options: simulate(*arguments, **options, cache=cache))
    fresh = scenario.run(hold=lambda *arguments, **options: simulate(*arguments, **options, cache=cache))
    rehearsal = Rehearsal(lambda simulate: scenario.run(hold=simulate))
    recalled = rehearsal.hold(Case(seed=scenario.seed))
    assert recalled.call is not None
    assert recalled.broken == ()
    assert recalled.call.jsonl() == fresh.jsonl()
    assert recalled.call.agent.tobytes() == fresh.agent.tobytes()
    assert isinstance(scenario.agent.stt, WhisperSTT)
    assert isinstance(scenario.agent.tts, PiperTTS)


# Complaints


def holds_nothing(simulate: LikeSimulate) -> Call:
    return planted.sound(globals()["simulate"])


def holds_in_real_time(simulate: LikeSimulate) -> Call:
    return simulate(planted.AGENT, planted.SCRIPT, realtime=True)


@pytest.mark.parametrize(
    ("hold", "complaint"),
    [
        (holds_nothing, "the conversation was not held"),
        (holds_in_real_time, "in virtual time only"),
        ("nowhere.toml", "there is no such file"),
        (str(EXAMPLES / "fakes" / "several_runs.scenario.toml"), "where one is wanted"),
        (f"{EXAMPLES / 'fakes' / 'several_runs.scenario.toml'}[none]", "there is no run 'none'; it holds "),
        ("tests.sim.planted:nothing", "tests.sim.planted has no 'nothing'"),
        ("tests.sim.nowhere:nothing", "there is no module tests.sim.nowhere"),
        ("tests.sim.planted:SCRIPT", "tests.sim.planted:SCRIPT must be a function, and is list"),
    ],
)
def test_what_cannot_be_explored_is_refused(hold: Hold | str, complaint: str) -> None:
    with pytest.raises(ConfigError) as error:
        explore(hold, schedules=1)
    assert complaint in str(error.value)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"every_s": 0.0}, "every_s must be at least one sample long, got 0.0"),
        ({"stride": 0}, "stride must be at least 1, got 0"),
        ({"schedules": 0}, "schedules must be at least 1, got 0"),
        ({"jobs": 0}, "jobs must be at least 1, got 0"),
        ({"move": 1, "add": 1}, "a step can be moved or added, not both"),
        ({"move": 9}, "caller[9]: there are 4 steps"),
        ({"move": 3}, "caller[3]: only a sound can be moved or added"),
        ({"ways": ["shout"]}, "unknown way 'shout': must be one of interrupt,"),
    ],
)
def test_wrong_arguments_are_refused(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError) as error:
        explore(planted.sound, **options)  # type: ignore[arg-type]
    assert complaint in str(error.value)


# The command


@pytest.mark.feature("X2", "X3")
def test_the_command_says_what_was_held_and_that_every_promise_was_kept(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["explore", str(FAKES), "--every-ms", "1000", "--awaits", "--stride", "300", "--schedules", "3"]
    assert main([*command, "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{FAKES}: 3 schedules (seeds 7 to 9)"
    assert lines[1] == "  caller[1] moved, at 8 moments from 2.50 to 10.18 s"
    assert lines[2].endswith(" awaits")
    assert lines[3].startswith("  33 conversations held, ")
    assert lines[4:] == ["Every promise was kept."]


def test_the_command_fails_when_something_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["explore", "tests.sim.planted:a_word_too_many", "--every-ms", "400", "--schedules", "1"]
    assert main(command) == 1
    shown = capsys.readouterr()
    assert "as heard, but the track says" in shown.out
    assert "  the smallest: turnscope explore tests.sim.planted:a_word_too_many --only at=" in shown.out
    assert shown.err == "turnscope: error: 1 promise broken\n"


def test_a_planned_fault_is_one_line_in_every_process(capfd: pytest.CaptureFixture[str]) -> None:
    command = ["explore", str(EXAMPLES / "fakes/bad_day.scenario.toml"), "--every-ms", "1500", "--schedules", "1"]
    assert main([*command, "--jobs", "2"]) == 0
    lines = capfd.readouterr().err.splitlines()
    assert 2 <= len(lines) <= 3
    assert set(lines) == {"turnscope: warning: turn 1: fake-tts: ConnectionError: the connection was lost"}


def test_one_case_can_be_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = "at=4.5,move=1,seed=8"
    assert main(["explore", str(FAKES), "--only", case, "--out", str(tmp_path / "call")]) == 0
    assert (tmp_path / "call" / "timeline.svg").exists()
    assert capsys.readouterr().out.splitlines() == [
        str(tmp_path / "call" / "conversation.wav"),
        "Every promise was kept.",
    ]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--only", "seed"], "--only: 'seed': must be one of at=…"),
        (["--only", "at=1,move=7,seed=1"], "caller[7]: there are 3 steps"),
        (["--every-ms", "-1"], "--every-ms: must be 0, or at least 0.0625 (a sample), got -1"),
        (["--every-ms", "0.00001"], "--every-ms: must be 0, or at least 0.0625 (a sample), got 1e-05"),
        (["--every-ms", "nan"], "--every-ms: must be 0, or at least 0.0625 (a sample), got nan"),
        (["--stride", "0"], "--stride: must be at least 1, got 0"),
        (["--schedules", "0"], "--schedules: must be at least 1, got 0"),
        (["--jobs", "0"], "--jobs: must be at least 1, got 0"),
        (["--out", "somewhere"], "--out: goes with --only"),
        (["--check", "nowhere:nothing"], "there is no module nowhere"),
    ],
)
def test_the_command_refuses_in_one_line(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explore", str(FAKES), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert complaint in line
