import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
import trio

from tests.observe.calls import barge_in, held, overlap, repeated, say
from turnscope.core import AttemptStarted, Event, Samples, ToolCalled, TurnStarted
from turnscope.observe import _drawing, timeline_html
from turnscope.observe._timeline_html import DARK
from turnscope.providers import Rule, ScriptedCall, ScriptedLLM
from turnscope.session import Agent, tool
from turnscope.sim import Call, FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, simulate


def page(call: Call, title: str = "A call") -> str:
    return timeline_html(call.events, call.user, call.agent, title)


class Outline(HTMLParser):
    """The tags of a page with their attributes, and its texts; scripts and styles are kept apart."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style") and data.strip():
            self.texts.append(data.strip())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def sound(html: str) -> tuple[Samples, Samples]:
    source = Outline(html).all("audio")[0]["src"]
    assert source is not None
    kind, _, data = source.partition(",")
    assert kind == "data:audio/flac;base64"
    both, hz = soundfile.read(io.BytesIO(base64.b64decode(data)), dtype="float32")
    assert hz == 16000
    return both[:, 0], both[:, 1]


def test_the_same_call_gives_the_same_page_that_needs_nothing_else() -> None:
    html = page(barge_in())
    assert html == page(barge_in())
    outline = Outline(html)
    assert not [attrs for _, attrs in outline.tags if "href" in attrs]
    assert [attrs["src"] for _, attrs in outline.tags if "src" in attrs] == [outline.all("audio")[0]["src"]]
    assert "http" not in re.sub(r'src="[^"]*"', "", html)
    assert "url(" not in html
    assert "@import" not in html


def test_both_voices_can_be_heard_in_it() -> None:
    call = barge_in()
    user, spoken = sound(page(call))
    assert np.abs(user - call.user).max() <= 1 / 32768
    assert np.abs(spoken - call.agent).max() <= 1 / 32768
    assert "<audio" not in timeline_html(call.events, call.user, call.agent, audio=False)


def test_every_stretch_says_which_time_it_is_about() -> None:
    events, user, agent = repeated(barge_in(), 4)
    whole, *strips = Outline(timeline_html(events, user, agent)).all("svg")
    length = len(user) / 16000
    assert (whole["data-from"], whole["data-to"]) == ("0.0", str(length))
    times = [(float(strip["data-from"] or ""), float(strip["data-to"] or "")) for strip in strips]
    assert times[0][0] == 0
    assert times[-1][1] >= length
    assert [start for start, _ in times[1:]] == [stop for _, stop in times[:-1]]
    assert {(strip["data-left"], strip["data-right"]) for strip in strips} == {("88", "1176")}
    tags = Outline(timeline_html(events, user, agent)).tags
    assert sum(attrs.get("class") == "playhead" for _, attrs in tags) == 1 + len(strips)


def test_it_tells_what_was_said_heard_and_decided_and_how_long_it_took() -> None:
    interrupted, overlapped = Outline(page(barge_in())), Outline(page(overlap()))
    assert "Your order is two" in interrupted.texts
    assert "lattes and one large mocha with oat milk, that will be ready in ten minutes." in interrupted.texts
    for title in ("What was said", "Decisions", "Latencies, in ms"):
        assert title in interrupted.texts
    assert "confirm" in interrupted.texts
    assert "dismiss" in overlapped.texts
    assert overlapped.texts.count("backchannel") >= 1
    assert "Tools" not in interrupted.texts
    starts = {attrs["data-at"] for attrs in interrupted.all("button") if "data-at" in attrs}
    assert {"0.5", str(barge_in().turns[0].audio_started / 16000)} <= starts  # type: ignore[operator]


@tool
async def look_up(order: str) -> str:
    """Find an order."""
    await trio.sleep(0.5)
    return f"<b>{order}</b>"


def test_tools_are_listed_and_drawn() -> None:
    rules = [
        Rule(when="", reply="It is ready.", after="look_up"),
        Rule(when="", reply="", calls=[ScriptedCall("look_up", {"order": "7 & 8"})]),
    ]
    agent = Agent(vad=FakeVAD(), stt=FakeSTT(), llm=ScriptedLLM(rules), tts=FakeTTS(), tools=[look_up])
    call = simulate(agent, [say("is it ready", 0.5), HangUp(Moment(1.0, "agent_stops"))], seed=1)
    outline = Outline(page(call))
    assert any(isinstance(event, ToolCalled) for event in call.events)
    for text in ("Tools", "look_up", '{"order": "7 & 8"}', "<b>7 & 8</b>", "returned", "0.50 s", "tools"):
        assert text in outline.texts


NASTY = "</script><script>alert(1)</script> <img src=x onerror=alert(2)> \" ' & \x00 ]]>"


def test_what_was_said_is_text_whatever_it_is() -> None:
    call = held(HangUp(Moment(0.5, "agent_stops")))
    events: list[Event] = []
    for event in call.events:
        if isinstance(event, AttemptStarted):
            event = AttemptStarted(event.sample, event.turn_id, event.attempt, NASTY, event.speech_end)
        events.append(event)
    plain, nasty = Outline(page(call)), Outline(timeline_html(events, call.user, call.agent, NASTY))
    assert [tag for tag, _ in nasty.tags if tag in ("script", "img")] == ["script"]
    assert {name for _, attrs in nasty.tags for name in attrs} == {name for _, attrs in plain.tags for name in attrs}
    assert NASTY.replace("\x00", "") in " ".join(nasty.texts)


def test_every_colour_has_one_for_dark_pages() -> None:
    names = [name for name in vars(_drawing) if name.isupper()]
    used = {value for name in names if isinstance(value := getattr(_drawing, name), str) and value.startswith("#")}
    for table in (_drawing.NAMES, _drawing.MARKS, _drawing.STATES):
        used |= set(table.values())
    assert used == set(DARK)
    html = timeline_html(*repeated(barge_in(), 4))
    assert not re.search(r'(fill|stroke)="#', html)
    assert set(re.findall(r"var\(--c([0-9a-f]{6})\)", html)) <= {colour[1:] for colour in DARK}


@pytest.mark.parametrize("keys", [("Space",), ("←", "→"), ("Shift",), ("n", "p")])
def test_it_says_which_keys_it_knows(keys: tuple[str, ...]) -> None:
    outline = Outline(page(barge_in()))
    assert set(keys) <= set(outline.texts)
    (slider,) = [attrs for _, attrs in outline.tags if attrs.get("role") == "slider"]
    assert slider["tabindex"] == "0"
    assert slider["aria-valuemax"] == f"{len(barge_in().user) / 16000:.2f}"


def test_a_call_without_anything_is_a_page_too() -> None:
    nothing = np.zeros(0, np.float32)
    outline = Outline(timeline_html([], nothing, nothing))
    assert "A conversation" in outline.texts
    assert outline.all("audio") == []
    assert len(outline.all("svg")) == 2
    assert [event for event in barge_in().events if isinstance(event, TurnStarted)]


def test_of_a_very_long_call_some_is_in_the_overview_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnscope.observe._timeline_html.MAX_STRIPS", 2)
    events, user, agent = repeated(barge_in(), 4)
    outline = Outline(timeline_html(events, user, agent, audio=False))
    assert len(outline.all("svg")) == 1 + 2
    assert "1 more stretches are in the overview only." in outline.texts
