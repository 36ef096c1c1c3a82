"""A conversation as one SVG image: both voices, states, words heard and unheard, and how the agent fell silent."""

from collections.abc import Iterable, Sequence

from turnscope.core import CLOCK_HZ, Event, Interrupted, Samples
from turnscope.observe._drawing import (
    DETECTED,
    FAINT,
    FRAME,
    INK,
    LABEL_PX,
    OVERLAPPED,
    PAPER,
    QUIET,
    RIGHT,
    STATES,
    UNHEARD,
    WIDTH,
    WORD_PX,
    Drawing,
)
from turnscope.observe._picture import Picture, choose_strips, counted_summary, picture
from turnscope.observe._spans import Span
from turnscope.observe._svg import Svg, text_width

__all__ = ["timeline_svg"]

MAX_STRIPS = 12
"""A longer call is drawn small as a whole, and large where something happens in it."""

MAX_NOTES = 12


def timeline_svg(events: Iterable[Event], user: Samples, agent: Samples, title: str = "") -> str:
    """Draw a conversation.

    The image needs nothing but itself, has a light background of its own, is the same for the same conversation, and
    does not grow without bound: of a call longer than `MAX_STRIPS` × 12 s only eventful stretches are drawn large.

    Args:
        events: All events of the conversation, in order.
        user: The caller's track, at 16 kHz.
        agent: The agent's track as heard, at 16 kHz, on the same clock.
        title: Stands above it.
    """
    whole = picture(events, agent, max(len(user), len(agent)))
    return _Image(whole, user, agent).draw(title or "A conversation")


class _Image:
    def __init__(self, whole: Picture, user: Samples, agent: Samples) -> None:
        self._whole = whole
        self._svg = Svg()
        self._drawing = Drawing(whole, user, agent, self._svg)

    def draw(self, title: str) -> str:
        strips, left_out = choose_strips(self._whole, MAX_STRIPS)
        self._header(title)
        if left_out:
            self._drawing.overview(strips)
        for strip in strips:
            self._drawing.strip(strip)
        self._notes(left_out, strips)
        height = self._drawing.y + 6
        page = Svg()
        page.rect(0.5, 0.5, WIDTH - 1, height - 1, PAPER, stroke=FRAME, rx=10.0)
        page.extend(self._svg)
        return page.document(WIDTH, height, title)

    # Header and footer

    def _header(self, title: str) -> None:
        self._svg.text(24, 36, _shortened(title, 23, RIGHT - 24), INK, font_size=20, font_weight=600)
        counts = counted_summary(self._whole, " · ")
        self._svg.text(24, 57, counts, QUIET, font_size=13)
        x = 24.0
        shown = {span.state for span in self._whole.states}
        swatches = [("caller’s speech, as detected", DETECTED), *(item for item in STATES.items() if item[0] in shown)]
        if self._whole.overlaps:
            swatches.append(("overlap: no interruption", OVERLAPPED))
        for name, fill in swatches:
            self._svg.rect(x, 70, 14, 12, fill, rx=2.0, stroke=FAINT)
            self._svg.text(x + 19, 80, name, QUIET, font_size=LABEL_PX)
            x += 19 + text_width(name, LABEL_PX) + 14
        for name, style in (("heard", {}), ("not heard", {"text_decoration": "line-through"})):
            self._svg.text(x, 80, name, UNHEARD if style else INK, font_size=LABEL_PX, **style)
            x += text_width(name, LABEL_PX) + 14
        self._svg.text(x, 80, "(the caller’s words are placed by their length)", UNHEARD, font_size=LABEL_PX)
        self._drawing.y = 96

    def _notes(self, left_out: int, strips: Sequence[Span]) -> None:
        notes = []
        for turn in self._whole.turns:
            if isinstance(turn.outcome, Interrupted):
                latency, cause = turn.latency, turn.outcome.cause
                known = [
                    f"{name} {value * 1000:.0f} ms"
                    for name, value in (
                        ("onset → yield", latency.onset_to_yield_s),
                        ("onset → decision", latency.onset_to_decision_s),
                        ("onset → silence", latency.onset_to_silence_s),
                        ("decision → silence", latency.decision_to_silence_s),
                        ("decision → join", latency.decision_to_join_s),
                    )
                    if value is not None
                ]
                why = cause.reason.replace("_", " ") + (f" ({cause.evidence})" if cause.evidence else "")
                notes.append((f"Turn {turn.turn_id}: {why}", " · ".join(known).replace("-", "−")))
        if left_out:
            each = (strips[0].stop - strips[0].start) / CLOCK_HZ
            self._note(f"{left_out} more stretches of {each:g} s are shown in the overview only.", "")
        for why, times in notes[:MAX_NOTES]:
            self._note(why, times)
        if len(notes) > MAX_NOTES:
            self._note(f"… and {len(notes) - MAX_NOTES} more interruptions.", "")

    def _note(self, why: str, times: str) -> None:
        room = RIGHT - 24 - text_width(times, WORD_PX) - 16
        self._svg.text(24, self._drawing.y + 12, _shortened(why, WORD_PX, room), INK, font_size=WORD_PX)
        if times:
            self._svg.text(RIGHT, self._drawing.y + 12, times, QUIET, font_size=WORD_PX, text_anchor="end")
        self._drawing.y += 19


def _shortened(text: str, size: float, room: float) -> str:
    if text_width(text, size) <= room:
        return text
    while text and text_width(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip() + "…"
