"""A grid of terminal cells that is drawn on and then printed; knows the width of every character."""

from rich.cells import cell_len, set_cell_size
from rich.text import Text

_PLAIN = {
    "▁▂": ".",
    "▃": ":",
    "▄": "-",
    "▅": "=",
    "▆": "+",
    "▇": "*",
    "█": "#",
    "━": "=",
    "─–−": "-",
    "┴┌┐├┤": "+",
    "│": "|",
}
_PLAIN |= {"░": ":", "▒": "%", "·": ".", "…": "~", "→": "->", "’": "'", "“”": '"'}
_ASCII = str.maketrans({char: plain for chars, plain in _PLAIN.items() for char in chars})


class Canvas:
    """Rows of `width` cells, as many as are drawn on."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._rows: list[list[tuple[str, str]]] = []

    @property
    def height(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    def put(self, row: int, column: int, text: str, style: str = "") -> None:
        """Write `text` from a cell on; what does not fit on the right is dropped."""
        self.extend(row + 1)
        cells = self._rows[row]
        for char in readable(text):
            width = cell_len(char)
            if column + width > self.width:
                return
            if width == 0:
                if column > 0:
                    cells[column - 1] = (cells[column - 1][0] + char, cells[column - 1][1])
                continue
            cells[column] = (char, style)
            for covered in range(column + 1, column + width):
                cells[covered] = ("", style)
            column += width

    def at(self, row: int, column: int) -> str:
        """What is in a cell."""
        return self._rows[row][column][0]

    def extend(self, height: int) -> None:
        """Have at least so many rows."""
        while len(self._rows) < height:
            self._rows.append([(" ", "")] * self.width)

    def lines(self, *, ascii_only: bool = False) -> list[Text]:
        """The rows, without blanks at their ends."""
        written: list[Text] = []
        for cells in self._rows:
            line = Text(no_wrap=True, overflow="crop")
            for char, style in cells:
                line.append(to_ascii(char) if ascii_only else char, style or None)
            line.rstrip()
            written.append(line)
        return written


def readable(text: str) -> str:
    """`text` without what could command a terminal: a blank for every character that cannot be seen."""
    return "".join(char if char.isprintable() else " " for char in text)


def to_ascii(text: str) -> str:
    """`text` for a terminal that has nothing but ASCII."""
    return readable(text).translate(_ASCII).encode("ascii", "replace").decode("ascii")


Words = list[tuple[str, str]]
"""Words, each with its style."""


def wrap(words: Words, width: int, max_lines: int) -> list[Words]:
    """Fill lines of `width` cells with words; an ellipsis stands for what does not fit."""
    lines: list[Words] = [[]]
    used = 0
    for word, style in words:
        shown = word if cell_len(word) <= width else set_cell_size(word, width - 1).rstrip() + "…"
        needed = cell_len(shown) + (1 if lines[-1] else 0)
        if used + needed > width:
            if len(lines) == max_lines:
                _cut_short(lines[-1], width)
                return lines
            lines.append([])
            used, needed = 0, cell_len(shown)
        lines[-1].append((shown, style))
        used += needed
    return lines


def _cut_short(line: Words, width: int) -> None:
    """End a line with an ellipsis."""
    while len(line) > 1 and sum(cell_len(word) + 1 for word, _ in line) > width:
        line.pop()
    word, style = line[-1]
    line[-1] = (set_cell_size(word.rstrip("…"), min(cell_len(word), width - 1)).rstrip() + "…", style)
