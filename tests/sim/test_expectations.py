"""What a scenario expects of its call: each expectation can be met, and is missed with a line that says by what."""

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

from turnscope import ConfigError
from turnscope.core import Latency
from turnscope.sim import Call, Failure, Scenario, load_scenario

INTERRUPTED = Path(__file__).parent.parent.parent / "examples/fakes/interrupted.scenario.toml"
NODS = INTERRUPTED.with_name("backchannel.scenario.toml")

Read = Callable[[str], Scenario]


@cache
def held(path: Path) -> Call:
    return load_scenario(path).run()


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(text: str, path: Path = INTERRUPTED) -> Scenario:
        file = tmp_path / "call.scenario.toml"
        file.write_text(f"{path.read_text(encoding='utf-8').partition('# What has to')[0]}\n{text}", encoding="utf-8")
        return load_scenario(file)

    return read


def failures(read: Read, text: str, call: Call | None = None) -> list[str]:
    """What is said about a call of which one table is expected, without the name of the file."""
    scenario = read(f"[[expect]]\n{text}")
    found = scenario.check(call or held(INTERRUPTED))
    assert all(failure.message.startswith(f"{scenario.path}: ") for failure in found)
    assert not any("\n" in failure.message for failure in found)
    return [failure.message.removeprefix(f"{scenario.path}: ") for failure in found]


HISTORY = """
history = [
    { role = "user" },
    { role = "assistant", text = "Your order is two", interrupted = true, unheard = { contains = "ten minutes" } },
    { text = { regex = "^wait" } },
    { role = "assistant", text = "Three lattes, then.", interrupted = false },
]
"""

MET = {
    "the whole sequence of states": """states = ["listening", "processing", "speaking", "listening", "processing",
        "speaking", "listening", "ended"]""",
    "states in order, others between them": 'reaches = ["speaking", "processing", "ended"]',
    "counts": "turns = 2\noverlaps = 1\ninterruptions = 1\nbackchannels = 0\nfalse_interruptions = { at_most = 0 }",
    "the length of the call": "duration_s = { at_least = 11.9, at_most = 12 }",
    "everything that was heard": 'heard = "Your order is two Three lattes, then."',
    "how the call ended": 'ended = "hung_up"',
    "the history": HISTORY,
    "an interrupted turn": 'turn = 1\noutcome = "interrupted"\nreason = "user_speaking"\nevidence = "words: wait make"',
    "what was heard of it": 'turn = 1\nheard = "Your order is two"\nunheard = { regex = "^lattes" }',
    "what it answered": 'turn = 1\nasked = { contains = ["two", "mocha"], lacks = "three" }',
    "what it would have said": 'turn = 1\nreply = { contains = "ten" }\nattempts = 1\njoined = true\ntools = []',
    "a turn from the end": 'turn = -1\noutcome = "completed"\norigin = "speech"\nerror = ""',
    "latencies to the sample": "turn = 1\nlatency = { onset_to_yield_s = 0.04, end_of_turn_s = 0.84 }",
    "latencies within bounds": "turn = 1\nlatency = { onset_to_silence_s = { at_least = 0.11, at_most = 0.11 } }",
    "a confirmed overlap": 'overlap = 1\nverdict = "confirm"\ntext = "wait make that three"',
    "what decided": 'overlap = -1\nevidence = { regex = "^words: wait" }',
    "an event": 'happens = { event = "Decided", where = { verdict = "confirm", speech_s = { at_least = 0.1 } } }',
    "an event so many times": 'happens = { event = "TurnEnded" }\ntimes = 2',
    "an event in a window": 'happens = { event = "SpeechStartsPlaying" }\ntimes = 1\nfrom_s = 5',
    "words that are heard": 'happens = { heard = "order is" }\nuntil_s = 4.85',
    "words by a pattern": 'happens = { heard = { regex = "lattes? then$" } }',
    "a state that is not reached": 'never = { state = "away" }',
    "a state that is left in time": 'never = { state = "processing" }\nfrom_s = 4\nuntil_s = 7',
    "words that are not said": 'never = { heard = "ten minutes" }',
    "words that were said before": 'never = { heard = "order" }\nfrom_s = 5',
    "an event that does not come": 'never = { event = "Resumed" }',
    "no call of a tool": 'tool = "order"\ncalls = 0',
}


@pytest.mark.parametrize("text", MET.values(), ids=MET)
def test_an_expectation_that_is_met_says_nothing(read: Read, text: str) -> None:
    assert failures(read, text) == []


MISSED = {
    "states": (
        'states = ["listening", "speaking", "ended"]',
        "expect[0].states: expected listening, speaking, ended, found listening, processing, speaking, listening, "
        "processing, speaking, listening, ended (at 3.29 s)",
    ),
    "order of states": (
        'reaches = ["speaking", "away"]',
        "expect[0].reaches: expected speaking, away in this order, found listening, processing, speaking, listening, "
        "processing, speaking, listening, ended",
    ),
    "counts": ("interruptions = { at_most = 0 }", "expect[0].interruptions: expected at most 0, found 1"),
    "ended": ('ended = "shutdown"', "expect[0].ended: expected 'shutdown', found 'hung_up' (at 11.96 s)"),
    "message": (
        'history = [{ role = "system" }, {}, {}, {}]',
        "expect[0].history[0]: expected { role = 'system' }, found { role = 'user' }",
    ),
    "more messages": (
        "history = [{}, {}, {}]",
        "expect[0].history: expected 3 messages, found 4, the last of them assistant: 'Three lattes, then.'",
    ),
    "no such turn": ("turn = 3\nattempts = 1", "expect[0].turn: expected a turn 3, found 2 turns"),
    "outcome": (
        'turn = 1\noutcome = "completed"',
        "expect[0].outcome: expected completed, found interrupted (at 6.07 s)",
    ),
    "heard": (
        'turn = 1\nheard = "Your order is"',
        "expect[0].heard: expected 'Your order is', found 'Your order is two' (at 6.07 s)",
    ),
    "pattern": (
        'turn = 2\nheard = { contains = "three", lacks = "then" }',
        "expect[0].heard: expected text that contains 'three' and lacks 'then', found 'Three lattes, then.' "
        "(at 8.959938 s)",
    ),
    "tools": ('turn = 1\ntools = ["order"]', "expect[0].tools: expected order, found none (at 6.07 s)"),
    "latency": (
        "turn = 1\nlatency = { onset_to_yield_s = { at_most = 0.03 } }",
        "expect[0].latency.onset_to_yield_s: expected at most 0.03, found 0.04 (at 5.4 s)",
    ),
    "latency of what did not happen": (
        "turn = 2\nlatency = { onset_to_yield_s = 0.04 }",
        "expect[0].latency.onset_to_yield_s: expected 0.04, found none (at 8.959938 s)",
    ),
    "verdict": (
        'overlap = 1\nverdict = "dismiss"',
        "expect[0].verdict: expected dismiss, found confirm (words: wait make) (at 6.07 s)",
    ),
    "no such overlap": ('overlap = 2\nverdict = "hold"', "expect[0].overlap: expected an overlap 2, found 1 overlap"),
    "event": (
        'happens = { event = "Resumed" }',
        "expect[0].happens: expected Resumed at least 1 times, found 0",
    ),
    "too many events": (
        'happens = { event = "SpeechStartsPlaying" }\ntimes = 1',
        "expect[0].happens: expected SpeechStartsPlaying 1 times, found 2, at 3.9, 7.96 s",
    ),
    "never": (
        'never = { heard = "TWO." }\nfrom_s = 2',
        "expect[0].never: expected never to hear 'TWO.', found it (at 5.18325 s)",
    ),
    "never a state": (
        'never = { state = "processing" }\nfrom_s = 3.5',
        "expect[0].never: expected never the state processing, found it (at 3.5 s)",
    ),
    "never an event like this": (
        'never = { event = "TurnEnded", where = { turn_id = 2 } }',
        "expect[0].never: expected never TurnEnded with turn_id = 2, found it (at 8.959938 s)",
    ),
    "no call of a tool": ('tool = "order"', "expect[0].tool: expected a call 1 of order, found no calls"),
}


@pytest.mark.feature("X1")
@pytest.mark.parametrize(("text", "line"), MISSED.values(), ids=MISSED)
def test_one_that_is_missed_says_where_in_the_file_what_was_found_and_when(read: Read, text: str, line: str) -> None:
    assert failures(read, text) == [line]


def test_nods_are_overlaps_that_are_dismissed(read: Read) -> None:
    scenario = load_scenario(NODS)
    assert len(scenario.expectations) == 5
    assert scenario.check(held(NODS)) == ()
    assert failures(read, 'overlap = 2\nverdict = "confirm"', held(NODS)) == [
        "expect[0].verdict: expected confirm, found dismiss (backchannel) (at 7.98 s)"
    ]


def test_a_failure_has_its_parts(read: Read) -> None:
    scenario = read('[[expect]]\nturn = 1\nheard = "Your"')
    assert scenario.check(held(INTERRUPTED)) == (
        Failure("expect[0].heard", "expected 'Your', found 'Your order is two'", 6.07, str(scenario.path)),
    )


def test_promises_are_looked_at_unless_they_are_switched_off(read: Read) -> None:
    call = held(INTERRUPTED)
    broken = Call(call.records[:-1], call.user, call.agent, call.history, call.placed, 1)
    found = [failure.message for failure in read("").check(broken)]
    assert len(found) >= 2
    assert all(": promises: " in message for message in found)
    assert any("1 tasks outlived the session" in message for message in found)
    text = INTERRUPTED.read_text(encoding="utf-8").replace("seed = 7", "seed = 7\npromises = false")
    file = Path(str(read("").path))
    file.write_text(text, encoding="utf-8")
    assert load_scenario(file).check(broken) == ()


SPEECHLESS = 'rules = []\n[[caller]]\nwords = "hello"\nat_s = 0.5'


def speechless(tmp_path: Path, more: str = "") -> tuple[str, ...]:
    text = NODS.read_text(encoding="utf-8").partition("fallback")[0] + SPEECHLESS + more
    file = tmp_path / "speechless.scenario.toml"
    file.write_text(text, encoding="utf-8")
    scenario = load_scenario(file)
    return tuple(failure.message.partition(": ")[2] for failure in scenario.check(scenario.run()))


def test_a_turn_that_fails_is_a_failure_unless_its_outcome_is_expected(tmp_path: Path) -> None:
    [line] = speechless(tmp_path)
    assert line.startswith("turn 1: failed: scripted: no rule for 'hello'")
    expected = '[[expect]]\nturn = 1\noutcome = "failed"\nerror = { contains = "no rule" }'
    assert speechless(tmp_path, f"\n{expected}") == ()


BAD = {
    "nothing": ("turn = 1", "expect[0]: expects nothing; known here: turn, outcome, "),
    "unknown key": ('turn = 1\nsays = "a"', "expect[0].says: unknown key; known here: turn, outcome, "),
    "unknown key of a text": (
        'turn = 1\nheard = { has = "a" }',
        "expect[0].heard.has: unknown key; known here: contains, lacks, regex",
    ),
    "unknown key of a message": (
        "history = [{}, { says = 1 }]",
        "expect[0].history[1].says: unknown key; known here: role, text, ",
    ),
    "turn 0": ('turn = 0\nheard = "a"', "expect[0].turn: counts from 1, or from -1 backwards, got 0"),
    "no pattern": ("turn = 1\nheard = {}", "expect[0].heard: must have contains, lacks or regex"),
    "bad pattern": ('turn = 1\nheard = { regex = "(" }', "expect[0].heard.regex: is not a regular expression: "),
    "number for text": ("turn = 1\nheard = 1", "expect[0].heard: must be text or a table, got a whole number"),
    "unknown latency": (
        "turn = 1\nlatency = { speed_s = 1 }",
        "expect[0].latency.speed_s: unknown key; known here: end_",
    ),
    "unknown outcome": ('turn = 1\noutcome = "great"', "expect[0].outcome: must be one of 'completed', "),
    "unknown state": ('states = ["asleep"]', "expect[0].states[0]: must be one of 'listening', "),
    "unknown event": ('never = { event = "Lunch" }', "expect[0].never.event: unknown event 'Lunch'"),
    "unknown field": (
        'never = { event = "Yielded", where = { loud = 1 } }',
        "expect[0].never.where.loud: unknown key; known here: sample, turn_id, ",
    ),
    "nothing that happens": ("happens = {}", "expect[0].happens: must have exactly one of event, state and heard"),
    "bad phrase": ('never = { heard = { regex = "(" } }', "expect[0].never.heard.regex: is not a regular expression"),
}


@pytest.mark.parametrize(("text", "complaint"), BAD.values(), ids=BAD)
def test_an_expectation_that_makes_no_sense_is_refused(read: Read, tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(f"[[expect]]\n{text}")
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'call.scenario.toml'}: {complaint}")
    assert "\n" not in message


def test_every_latency_of_a_turn_can_be_expected(read: Read) -> None:
    lines = ", ".join(f"{field.name} = {{ at_most = 60 }}" for field in fields(Latency))
    assert failures(read, f"turn = 1\nlatency = {{ {lines} }}") == []
