"""Who said what when, what of it was heard, and why and how fast the agent stopped: the table below the timeline."""

from rich.table import Table
from rich.text import Text

from turnscope.observe._canvas import readable, to_ascii
from turnscope.observe._picture import Phrase, Picture
from turnscope.observe._spans import clock
from turnscope.observe._told import told

MAX_ROWS = 60
MAX_WORDS = 80
"""Longer texts are cut short."""


def words_table(whole: Picture, width: int, *, ascii_only: bool = False) -> Table:
    """A row for everything that was said, in order.

    Args:
        whole: The conversation.
        width: In columns.
        ascii_only: Use nothing but ASCII.
    """
    plain = to_ascii if ascii_only else readable
    table = Table(box=None, width=width, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("time", no_wrap=True)
    table.add_column("who", no_wrap=True)
    table.add_column(Text("words [not heard]" if any(phrase.unheard for phrase in whole.phrases) else "words"), ratio=5)
    table.add_column("what came of it", ratio=4)
    for phrase, notes in told(whole)[:MAX_ROWS]:
        lines = Text("\n".join(plain(line) for line in notes))
        time = clock(phrase.start) + ("" if phrase.stop == phrase.start else f"–{clock(phrase.stop)}")
        style = "cyan" if phrase.who == "caller" else "green"
        table.add_row(Text(plain(time)), Text(phrase.who, style), _words(phrase, ascii_only=ascii_only), lines)
    if len(whole.phrases) > MAX_ROWS:
        table.add_row(Text(plain("…")), "", Text(f"and {len(whole.phrases) - MAX_ROWS} more"), "")
    return table


def _words(phrase: Phrase, *, ascii_only: bool) -> Text:
    plain = to_ascii if ascii_only else readable
    text = Text(plain(_shortened(phrase.heard)))
    if not phrase.heard and not phrase.unheard:
        text = Text("(no words)", "dim italic")
    if phrase.unheard:
        text.append(" " if phrase.heard else "")
        text.append(plain(f"[{_shortened(phrase.unheard)}]"), "dim strike")
    return text


def _shortened(text: str) -> str:
    words = text.split()
    return " ".join(words) if len(words) <= MAX_WORDS else " ".join(words[:MAX_WORDS]) + " …"
