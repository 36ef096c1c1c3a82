"""One stretch of the timeline, as it stands in the message of a test that failed."""

import io
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.observe.calls import barge_in, overlap, repeated
from turnscope.observe import render_strip
from turnscope.sim import Call


def strip(call: Call, width: int = 100, **arguments: Any) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width).print(render_strip(call.events, call.user, call.agent, **arguments))
    return out.getvalue().splitlines()


def seconds_shown(lines: list[str]) -> list[float]:
    return [float(label) for label in lines[-1].replace(" s", "").split()]


@pytest.mark.parametrize("width", [60, 80, 100, 240])
@pytest.mark.parametrize("call", [barge_in, overlap])
def test_it_fits_on_a_screen_of_any_width(call: Any, width: int) -> None:
    lines = strip(call(), width, label="expect[0].heard", around_s=5.0)
    assert len(lines) <= 25
    assert max(map(cell_len, lines)) <= width


def test_it_has_both_voices_their_words_what_was_not_heard_and_the_states() -> None:
    text = "\n".join(strip(barge_in()))
    for part in (
        "caller",
        "agent",
        "state",
        "wait make it three",
        "Your order is two [lattes",
        "speaking ▒",
        "silence +",
    ):
        assert part in text


def test_it_is_about_the_last_interruption_else_the_last_overlap_else_the_end() -> None:
    assert any("onset 4.69 s" in line for line in strip(barge_in()))
    assert any("overlap: backchannel" in line for line in strip(overlap()))
    events, user, agent = repeated(barge_in(), 5)
    out = io.StringIO()
    Console(file=out, width=100).print(render_strip(events, user, agent))
    last = 4 * len(barge_in().user) / 16_000 + 4.69
    shown = seconds_shown(out.getvalue().splitlines())
    assert shown[0] <= last <= shown[-1]
    silence = np.zeros(16_000 * 60, np.float32)
    assert seconds_shown(strip(Call((), silence, silence, (), (), 0)))[-1] == 59


def test_a_moment_stands_in_its_middle_with_its_label() -> None:
    lines = strip(barge_in(), 100, around_s=4.3, label="expect[0].heard")
    row = next(line for line in lines if "expect[0].heard" in line)
    shown = seconds_shown(lines)
    assert shown[0] < 4.3 < shown[-1]
    assert abs(row.index("┌") - 54) <= 1
    assert any("onset 4.69 s" in line for line in lines)  # the others have room beside it


@pytest.mark.parametrize("around_s", [-5.0, 0.0, 1e6])
def test_a_moment_at_the_edge_or_beyond_shows_the_edge(around_s: float) -> None:
    lines = strip(barge_in(), 100, around_s=around_s, label="here")
    assert any("here" in line for line in lines)
    assert any("█" in line for line in lines if line.startswith("caller" if around_s <= 0 else "agent"))


def test_a_call_that_is_shorter_than_a_strip_or_empty_can_be_shown() -> None:
    nothing = np.zeros(0, np.float32)
    for track in (nothing, np.zeros(100, np.float32)):
        assert strip(Call((), track, track, (), (), 0))[0].startswith("caller")
