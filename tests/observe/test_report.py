import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.observe.calls import barge_in, cough, held, labels, overlap, say
from tests.observe.test_tools_shown import ordered
from turnscope.core import Interrupted, ProviderFailed, SessionEnded
from turnscope.observe import make_report
from turnscope.session import Session
from turnscope.sim import Call, HangUp, Moment

PAGE = (Path(__file__).parent.parent.parent / "docs" / "report.md").read_text(encoding="utf-8")


def report(call: Call, **more: Any) -> dict[str, Any]:
    return make_report(call.events, call.user, call.agent, labels=labels(call), **more)


def keys(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from keys(item)


def test_the_same_call_gives_the_same_report_to_the_byte() -> None:
    first, second = (held(say("wait make it three", 1.5, "agent_starts"), HangUp(Moment(1, "previous"))) for _ in "ab")
    written = json.dumps(report(first, scenario="order", seed=1), allow_nan=False)
    assert written == json.dumps(report(second, scenario="order", seed=1), allow_nan=False)
    assert json.loads(written) == report(first, scenario="order", seed=1)


def test_the_page_describes_every_key_and_no_other() -> None:
    cells = re.findall(r"^\| (`[^|]+`) \|", PAGE, re.MULTILINE)
    described = {key for cell in cells for key in re.findall(r"`([a-z_]+)`", cell)}
    failed = [*overlap().events, ProviderFailed(8000, 1, "tts", "gone")]
    reports = [report(barge_in()), report(ordered()), make_report(failed, overlap().user, overlap().agent)]
    assert {key for made in reports for key in keys(made)} == described


def test_an_interruption_is_taken_apart() -> None:
    turn = report(barge_in())["turns"][0]
    outcome = barge_in().turns[0].outcome
    assert isinstance(outcome, Interrupted)
    times = turn["interruption"]
    assert turn["outcome"] == "interrupted"
    assert turn["reason"] == "user_speaking"
    assert turn["evidence"] == "words: wait make"
    assert turn["heard"] == "Your order is two"
    assert turn["unheard"].startswith("lattes and one")
    assert times["onset_sample"] == outcome.cause.onset
    assert times["decision_sample"] == outcome.cause.decision
    assert times["silence_sample"] == outcome.silence
    assert times["onset_sample"] < times["yield_sample"] < times["silence_sample"] < times["decision_sample"]
    assert times["silence_s"] == round(times["silence_sample"] / 16000, 6)
    assert turn["latency"]["onset_to_silence_s"] == round((times["silence_sample"] - times["onset_sample"]) / 16000, 6)


def test_silence_is_measured_in_the_audio_and_not_taken_from_the_events() -> None:
    call = barge_in()
    audio = report(call)["turns"][0]["audio"]
    silence, until = audio["checked_from_sample"], audio["checked_to_sample"]
    assert until == call.turns[1].audio_started
    assert audio["last_sample"] == int(np.flatnonzero(call.agent[:until])[-1]) < silence
    assert (audio["samples_after_silence"], audio["silent_after"]) == (0, True)
    assert audio["decision_to_last_sample_s"] == 0.0


def test_one_stale_sample_after_the_silence_is_found() -> None:
    call = barge_in()
    decision = report(call)["turns"][0]["interruption"]["decision_sample"]
    leaky = call.agent.copy()
    leaky[decision + 320] = 1e-4
    audio = make_report(call.events, call.user, leaky)["turns"][0]["audio"]  # type: ignore[index]
    assert audio["last_sample"] == decision + 320
    assert audio["decision_to_last_sample_s"] == 0.02
    assert (audio["samples_after_silence"], audio["silent_after"]) == (1, False)


@pytest.mark.parametrize(("shift_s", "expected_s"), [(0.0, 0.0), (-0.2, 0.2), (0.3, -0.3)])
def test_latencies_count_from_the_onset_that_a_person_labelled(shift_s: float, expected_s: float) -> None:
    call = barge_in()
    onset = report(call)["turns"][0]["interruption"]["onset_sample"]
    given = [("order", 8000), ("wait", onset + round(shift_s * 16000))]
    turn: Any = make_report(call.events, call.user, call.agent, labels=given)["turns"][0]  # type: ignore[index]
    assert turn["labelled"]["label"] == 1
    for name in ("onset_to_yield_s", "onset_to_decision_s", "onset_to_silence_s"):
        assert turn["labelled"][name] == pytest.approx(turn["latency"][name] + expected_s, abs=1e-6)


@pytest.mark.parametrize("shift_samples", [4801, 16000])
def test_a_label_well_after_the_onset_belongs_to_something_else(shift_samples: int) -> None:
    call = barge_in()
    onset = report(call)["turns"][0]["interruption"]["onset_sample"]
    given = [("order", 8000), ("later", onset + shift_samples)]
    made: Any = make_report(call.events, call.user, call.agent, labels=given)
    assert made["turns"][0]["labelled"]["labelled_onset_s"] is None
    assert [label["interrupted"] for label in made["labels"]] == [[], []]


def test_overlaps_false_starts_and_yields_taken_back_are_counted_apart() -> None:
    made = report(overlap())
    assert made["counts"]["turns"] == made["counts"]["completed"] == 1
    assert made["counts"]["overlaps"] == made["counts"]["yields_taken_back"] == 1
    assert made["counts"]["false_starts"] == 1
    [over] = made["overlaps"]
    assert (over["turn"], over["text"], over["evidence"], over["reaction"]) == (1, "mhm", "backchannel", "pause")
    assert over["onset_sample"] < over["yield_sample"] < over["resumed_sample"] <= over["dismissed_sample"]


def test_an_answer_that_was_taken_back_is_counted() -> None:
    call = held(say("and a tea", 1.1, "previous"), HangUp(Moment(2.0, "agent_starts")))
    made = report(call)
    assert made["counts"]["attempts_taken_back"] == 1
    assert [(turn["id"], turn["attempts"]) for turn in made["turns"]] == [(1, 2)]
    assert made["turns"][0]["outcome"] == "hung_up"
    assert made["turns"][0]["heard"].startswith("Your order")
    assert made["turns"][0]["unheard"]


def test_an_order_to_stop_has_no_onset_and_no_label() -> None:
    async def click(session: Session) -> None:
        async with session.events() as events:
            async for event in events:
                if type(event).__name__ == "SpeechStartsPlaying":
                    session.interrupt("user_clicked_stop")
                    return

    made = report(held(cough(3.0, "agent_starts"), HangUp(Moment(1.0, "previous")), drive=click))
    turn = made["turns"][0]
    assert turn["reason"] == "user_clicked_stop"
    assert turn["interruption"]["onset_s"] is None
    assert turn["labelled"] is None
    assert made["counts"]["interrupted_by_speech"] == 0
    assert made["counts"]["interrupted"] == 1


def test_tasks_left_come_from_the_caller_of_the_report_or_from_the_last_event() -> None:
    call = barge_in()
    assert report(call, tasks_left=2)["tasks_left"] == 2
    assert report(call)["tasks_left"] == 0
    unfinished = [event for event in call.events if not isinstance(event, SessionEnded)]
    assert make_report(unfinished, call.user, call.agent)["tasks_left"] is None


def test_nothing_happened_and_that_is_a_report_too() -> None:
    nothing = np.zeros(0, np.float32)
    made: Any = make_report([], nothing, nothing)
    assert made["duration_s"] == 0.0
    assert made["turns"] == []
    assert set(made["counts"].values()) == {0}
