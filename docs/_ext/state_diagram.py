"""Draws a table of transitions as SVG. Knows nothing of Sphinx, nor of what the states mean.

A column for each state, a row for each transition, an arrow from one column to another: unlike bubbles and arcs it
stays legible with any number of transitions, and the same table always gives the same bytes.
"""

from collections.abc import Sequence
from html import escape

__all__ = ["state_diagram_svg"]

FONT_PX = 13
CHARACTER_PX = 7.6  # wider than most letters of a 13 px sans-serif, so that no label is ever cut off
ROW_PX = 28
HEADER_PX = 44
PADDING_PX = 12
HEAD_PX = 8

STYLE = f'font-family="system-ui, sans-serif" font-size="{FONT_PX}" fill="currentColor" stroke="currentColor"'


def state_diagram_svg(transitions: Sequence[tuple[str, str, str]]) -> str:
    """Draw a state machine.

    Args:
        transitions: ``(from_state, trigger, to_state)``, in the order of the rows. The states' columns are in the
            order in which the table first leaves them; those that it never leaves come last.

    Returns:
        An ``<svg>`` element that takes its colour from the text around it and scales to the width it is given.

    Raises:
        ValueError: The table is empty.
    """
    if not transitions:
        raise ValueError("a state diagram needs at least one transition")
    states = list(dict.fromkeys([source for source, _, _ in transitions] + [target for _, _, target in transitions]))
    box_px = _text_px(max(states, key=len)) + 2 * PADDING_PX
    labels_px = _text_px(max((trigger for _, trigger, _ in transitions), key=len)) + 2 * PADDING_PX
    column_px = box_px + PADDING_PX
    centers = {state: labels_px + column_px * index + box_px / 2 for index, state in enumerate(states)}
    width = labels_px + column_px * len(states)
    height = HEADER_PX + ROW_PX * len(transitions) + PADDING_PX

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {_n(width)} {_n(height)}" '
        f'width="{_n(width)}" style="max-width: 100%; height: auto" {STYLE}>',
        f"<title>State machine of {len(states)} states and {len(transitions)} transitions</title>",
    ]
    parts += [_state(state, centers[state], box_px, height) for state in states]
    for row, transition in enumerate(transitions):
        parts.append(_transition(transition, centers, labels_px, HEADER_PX + ROW_PX * (row + 0.5)))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _state(name: str, center: float, box_px: float, height: float) -> str:
    """A named box with a line below it that the arrows start from and end at."""
    return (
        f'<rect x="{_n(center - box_px / 2)}" y="4" width="{_n(box_px)}" height="26" rx="13" fill="none"/>'
        f'<text x="{_n(center)}" y="21.5" text-anchor="middle" font-weight="600" stroke="none">{escape(name)}</text>'
        f'<path d="M{_n(center)} 30V{_n(height)}" opacity="0.3"/>'
    )


def _transition(transition: tuple[str, str, str], centers: dict[str, float], labels_px: float, y: float) -> str:
    """The trigger at the left, and an arrow in its row."""
    source, trigger, target = transition
    start, stop = centers[source], centers[target]
    if start == stop:  # a loop that leaves to the right and comes back
        bulge = 2.5 * HEAD_PX
        line = f"M{_n(start)} {_n(y - 6)}h{_n(bulge)}v12H{_n(start + HEAD_PX)}"
        tip_y, direction = y + 6, -1
    else:
        direction = 1 if stop > start else -1
        line = f"M{_n(start)} {_n(y)}H{_n(stop - direction * HEAD_PX)}"
        tip_y = y
    tail_y = y - 6 if start == stop else y
    back = stop - direction * HEAD_PX
    return (
        f"<g><title>{escape(f'{source} → {target}: {trigger}')}</title>"
        f'<text x="{_n(labels_px - PADDING_PX)}" y="{_n(y + 4.5)}" text-anchor="end" stroke="none">'
        f"{escape(trigger)}</text>"
        f'<circle cx="{_n(start)}" cy="{_n(tail_y)}" r="3.5" stroke="none"/>'
        f'<path d="{line}" fill="none" stroke-width="1.5"/>'
        f'<path d="M{_n(stop)} {_n(tip_y)}L{_n(back)} {_n(tip_y - 4.5)}V{_n(tip_y + 4.5)}Z" stroke="none"/></g>'
    )


def _text_px(text: str) -> float:
    """An upper bound on the width of a line of text."""
    return len(text) * CHARACTER_PX


def _n(number: float) -> str:
    """A coordinate, without the noise of binary fractions."""
    return f"{number:.1f}".removesuffix(".0")
