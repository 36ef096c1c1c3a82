import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.observe.calls import ORDER, agent, barge_in, overlap, repeated
from turnscope.core import Filler, TranscriptUpdated
from turnscope.observe import render_timeline
from turnscope.providers import ScriptedLLM
from turnscope.sim import Call, HangUp, Moment, simulate


def printed(call: Call, width: int = 100, **console: Any) -> str:
    out = io.StringIO()
    Console(file=out, width=width, **console).print(render_timeline(call.events, call.user, call.agent))
    return out.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160])
@pytest.mark.parametrize("call", [barge_in, overlap])
def test_no_line_is_wider_than_the_terminal(call: Any, width: int) -> None:
    assert max(cell_len(line) for line in printed(call(), width).splitlines()) <= width


@pytest.mark.parametrize("width", [80, 160])
def test_it_shows_when_and_how_fast_the_agent_stopped(width: int) -> None:
    text = printed(barge_in(), width)
    for label in ("onset 4.69 s", "yield +50 ms", "silence +110 ms", "decision +680 ms"):
        assert text.count(label) == 1
    assert "interrupts the agent" in text
    assert "Your order is two [lattes and" in text  # brackets say without colours what was not heard


def test_the_agent_is_blank_after_the_silence() -> None:
    rows = printed(barge_in(), 120, no_color=True).splitlines()
    agent = next(row for row in rows if row.startswith("agent"))
    flags = next(row for row in rows if "silence +110 ms" in row)
    silence = flags.index("┌")
    assert agent[silence - 1] != " "
    assert agent[silence + 1 : silence + 20].strip() == ""


def test_an_overlap_is_told_from_an_interruption() -> None:
    text = printed(overlap())
    assert "overlap: backchannel, resumed +" in text
    assert "the agent paused, spoke on" in text
    assert "interrupted:" not in text


def test_piped_output_has_no_escape_codes_and_no_colour_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    piped = printed(barge_in())
    assert "\x1b" not in piped
    assert "\x1b[3" in printed(barge_in(), force_terminal=True)
    assert printed(barge_in(), no_color=True) == piped


def test_a_terminal_with_nothing_but_ascii_gets_ascii() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    call = barge_in()
    Console(file=out, width=80).print(render_timeline(call.events, call.user, call.agent))
    lines = raw.getvalue().decode("ascii").splitlines()
    assert any("####" in line for line in lines)
    assert max(map(len, lines)) <= 80


def test_what_a_caller_says_cannot_command_the_terminal() -> None:
    call = barge_in()
    events = [
        TranscriptUpdated(event.sample, event.turn_id, "\x1b[2Jred [bold]alert\x07", event.is_final)
        if isinstance(event, TranscriptUpdated)
        else event
        for event in call.events
        if type(event).__name__ != "AttemptStarted"
    ]
    out = io.StringIO()
    Console(file=out, width=100).print(render_timeline(events, call.user, call.agent))
    assert "\x1b" not in out.getvalue()
    assert "\x07" not in out.getvalue()
    assert "[bold]alert" in out.getvalue()


def test_a_long_call_is_cut_down_to_its_eventful_parts() -> None:
    events, user, agent = repeated(barge_in(), 40)
    out = io.StringIO()
    Console(file=out, width=120).print(render_timeline(events, user, agent))
    text = out.getvalue()
    assert sum(line.startswith("state") for line in text.splitlines()) == 8
    assert text.count("onset ") >= 8
    assert "more stretches of 12 s" in text
    assert len(text.splitlines()) < 400


def test_nothing_at_all_can_be_drawn() -> None:
    out = io.StringIO()
    nothing = np.zeros(0, np.float32)
    Console(file=out, width=80).print(render_timeline([], nothing, nothing))
    assert "0 turns" in out.getvalue()


def test_what_filled_a_wait_is_shown_and_is_no_reply() -> None:
    slow = replace(
        agent(), llm=ScriptedLLM([], fallback="Okay.", first_token_s=3), filler=Filler(texts=["One moment."])
    )
    text = printed(simulate(slow, [ORDER, HangUp(Moment(9))]), 120)
    [row] = [line for line in text.splitlines() if line.rstrip().endswith("filler")]
    assert "agent" in row
    assert "One moment." in row
    [reply] = [line for line in text.splitlines() if "Okay." in line and "agent" in line]
    assert "One moment." not in reply
