"""A few shapes of SVG as text, the same for the same arguments. Knows nothing of conversations."""

import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from xml.sax.saxutils import escape, quoteattr

FONT = "-apple-system, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif"

_NARROW = frozenset("ijl|!'.,:;Iftr()[]’‘· ")
_WIDE = frozenset("mwMW@%—…")


class Svg:
    """Collects shapes. Coordinates are pixels, written with one decimal.

    Args:
        colours: What is written for a colour.
    """

    def __init__(self, colours: Callable[[str], str] = str) -> None:
        self._parts: list[str] = []
        self._colours = colours

    def extend(self, other: "Svg") -> None:
        """The shapes of another drawing, on top of these."""
        self._parts += other._parts

    def rect(self, x: float, y: float, width: float, height: float, fill: str, **attributes: str | float) -> None:
        """A filled rectangle."""
        box = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
        self._parts.append(f'<rect {box} fill="{self._colours(fill)}"{self._written(attributes)}/>')

    def line(self, x1: float, y1: float, x2: float, y2: float, stroke: str, **attributes: str | float) -> None:
        """A straight line."""
        ends = f'x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}"'
        self._parts.append(f'<line {ends} stroke="{self._colours(stroke)}"{self._written(attributes)}/>')

    def text(self, x: float, y: float, text: str, fill: str, **attributes: str | float) -> None:
        """A line of text; `y` is its baseline."""
        place = f'x="{number(x)}" y="{number(y)}"'
        self._parts.append(
            f'<text {place} fill="{self._colours(fill)}"{self._written(attributes)}>{escape(printable(text))}</text>'
        )

    def area(self, outlines: Iterable[list[tuple[float, float]]], fill: str) -> None:
        """Filled polygons, as one shape."""
        path = "".join(
            "M" + "L".join(f"{number(x)} {number(y)}" for x, y in outline) + "Z" for outline in outlines if outline
        )
        if path:
            self._parts.append(f'<path d="{path}" fill="{self._colours(fill)}"/>')

    def shapes(self) -> str:
        """Everything so far, to be put into an image of the same font."""
        return "\n".join(self._parts)

    def _written(self, attributes: dict[str, str | float]) -> str:
        return "".join(
            f" {name.replace('_', '-')}={quoteattr(self._value(name, value))}" for name, value in attributes.items()
        )

    def _value(self, name: str, value: str | float) -> str:
        if isinstance(value, str):
            return self._colours(value) if name == "stroke" else value
        return number(value)

    def document(self, width: float, height: float, title: str) -> str:
        """Everything so far as a file. `title` is what a screen reader says."""
        size = f'width="{number(width)}" height="{number(height)}" viewBox="0 0 {number(width)} {number(height)}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONT}">'
        return "\n".join([head, f"<title>{escape(printable(title))}</title>", *self._parts, "</svg>", ""])


def number(value: float) -> str:
    """A coordinate: at most one decimal, no needless zero, no negative zero."""
    written = f"{value:.1f}".removesuffix(".0")
    return "0" if written == "-0" else written


def printable(text: str) -> str:
    """`text` without what XML does not allow: control characters and halves of surrogate pairs."""
    kept = (" " if char in "\t\n\r" else char for char in text)
    return "".join(
        char for char in kept if char >= " " and not ("\ud800" <= char <= "\udfff" or char in "\ufffe\uffff")
    )


@lru_cache(maxsize=4096)
def text_width(text: str, size: float) -> float:
    """About how wide `text` is in a wide sans-serif font of `size` pixels; never much too little."""
    return size * sum(_em(char) for char in text)


def _em(char: str) -> float:
    if char in _NARROW:
        return 0.38
    if char in _WIDE:
        return 1.0
    if char.isascii():
        return 0.69 if char.isupper() else 0.63
    return 1.0 if unicodedata.east_asian_width(char) in "WF" else 0.68
