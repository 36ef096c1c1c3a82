"""From a model's tokens to pieces of text that can be spoken: sentences, or parts of long ones.

The synthesizer starts with the first piece while the model is still writing the rest. Where the text is cut
depends on the text alone, never on how it came in tokens. Nothing is rewritten: the pieces, put together, are the text.
"""

import math
import re
import unicodedata
from dataclasses import dataclass

from turnscope._errors import ConfigError

__all__ = ["ENGLISH_ABBREVIATIONS", "Clause", "ClauseSegmenter", "ClauseSettings"]

ENGLISH_ABBREVIATIONS = frozenset(
    "adm approx capt cf cmdr col dr e.g esp excl gen gov hon i.e incl lt maj messrs mme mr mrs ms mt mx prof rev sen "
    "sgt st ste viz vs".split()
)
"""Words whose full stop does not end a sentence, in lower case, without that full stop."""

MAY_END = frozenset(
    "al apt ave blvd bros co corp dept ed eds est etc hr hrs inc jr lb lbs ltd max min oz ph.d rd sr tel univ".split()
)
"""Abbreviations that end a sentence exactly if what follows does not go on in lower case."""

BEFORE_NUMBER = frozenset(
    "apr art aug ch dec ext feb fig figs jan jul jun mar no nos nov oct op p par pp sec sep sept vol".split()
)
"""Words that are abbreviations only before a number: "No. 5", but "No. Thank you"."""

DOTTED_LETTERS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
"""``U.S``, ``p.m``, ``J.R.R``: whether they end a sentence cannot be told, and a missed end is the cheaper mistake."""

NEED_SPACE = frozenset(".!?…؟।")
"""Ends of sentences that count when white space follows: ``3.14``, ``example.com`` and ``?q=1`` hold none."""

NEED_NO_SPACE = frozenset("。！？｡")

ENDS = NEED_SPACE | NEED_NO_SPACE

CLOSERS = frozenset("\"'”’»)]}*_」』）】")
"""What belongs to the sentence although it stands behind its end."""

OPENERS = "\"'“‘„«([{*_¿¡"

BREAKS = frozenset(",;:–-—，、；：")
"""Where a sentence may be cut that is too long, or whose first part is wanted early."""

BREAKS_NEED_SPACE = frozenset(",;:–-")

SHORT_NUMBER_DIGITS = 2
"""A number of so many digits may be an ordinal ("am 3. Mai") or count an item ("1. Milk")."""


@dataclass(frozen=True, slots=True)
class ClauseSettings:
    """How a reply is cut for the synthesizer.

    A sentence shorter than the minimum is spoken together with the next one, or when the reply ends.

    Attributes:
        min_chars: Shortest piece, white space around it not counted, unless the reply ends.
        max_chars: Longest piece, everything counted. A longer sentence is cut at its last comma, semicolon, colon
            or dash that leaves `min_chars`, else at its last space.
        first_min_chars: `min_chars` for the first piece. Small, so that "Sure." is heard at once.
        first_break_chars: The first piece also ends at a comma, semicolon, colon or dash once it has so many
            characters, because the first sound has to wait for all of it. None: at the ends of sentences only.
        max_wait_s: When the model has written nothing for so long, sentences that are complete are spoken, however
            short. None: they wait for the next one, or for the end.
        abbreviations: Words whose full stop does not end a sentence, in lower case, without that full stop.
        ordinal_dots: A full stop after a number of one or two digits makes it an ordinal, as in German; it does not
            end a sentence.

    Raises:
        ConfigError: A number is out of its range; the message names it.
    """

    min_chars: int = 50
    max_chars: int = 200
    first_min_chars: int = 1
    first_break_chars: int | None = 30
    max_wait_s: float | None = 0.5
    abbreviations: frozenset[str] = ENGLISH_ABBREVIATIONS
    ordinal_dots: bool = False

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.max_chars < 1:
            raise ConfigError(f"max_chars must be at least 1; got {self.max_chars}")
        for name in ("min_chars", "first_min_chars", "first_break_chars"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= self.max_chars:
                raise ConfigError(f"{name} must be between 1 and max_chars ({self.max_chars}); got {value}")
        if self.max_wait_s is not None and not 0 < self.max_wait_s < math.inf:
            raise ConfigError(f"max_wait_s must be positive and finite, or None; got {self.max_wait_s}")


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of the reply, to be spoken in one go.

    Attributes:
        text: The piece, unchanged, with the white space around it: ``reply[start:stop]``.
        start: Index of its first character in the whole reply.
        stop: Index after its last one, which is where the next clause starts.
    """

    text: str
    start: int
    stop: int

    @property
    def speakable(self) -> bool:
        """It holds a letter or a digit. White space, dashes or an emoji alone are no work for a synthesizer.

        Only the last piece of a reply, or an endless row of signs, can be without.
        """
        return _speakable(self.text)


class _NeedsMore(Exception):
    """What comes next decides, and it is not there yet."""


class ClauseSegmenter:
    """Cuts one reply into clauses while it is being written.

    An end of a sentence is known when the character behind it is: white space there belongs to the clause it ends (one
    character of it; more belongs to the next clause). After some abbreviations, ellipses and short numbers
    it takes the first character that is not white space. Any way of cutting the same text into tokens gives
    the same clauses.

    Args:
        settings: How to cut.
    """

    def __init__(self, settings: ClauseSettings | None = None) -> None:
        self._settings = settings or ClauseSettings()
        self._text = ""
        self._offset = 0
        self._begin = 0
        self._scan = 0
        self._final = False
        self._first = True

    def push(self, text: str) -> list[Clause]:
        """Take the next piece of the reply and return the clauses that are complete now."""
        self._text += text
        return self._cut()

    def flush(self) -> list[Clause]:
        """The reply pauses or ends here: return all that is left, as clauses.

        More text may be pushed afterwards; positions go on counting.
        """
        self._final = True
        clauses = self._cut()
        self._final = False
        if self._text:
            clauses.append(self._take(len(self._text)))
            self._forget_taken()
        return clauses

    def settle(self) -> list[Clause]:
        """Nothing comes for a while: return the sentences that are complete by now, however short, as one clause.

        What has begun behind them stays, and so does a number that may go on behind its dot. This alone makes a
        difference to how the text comes.
        """
        stop = self._last_end()
        if stop is None or not _speakable(self._text[self._begin : stop]):
            return []
        clause = self._take(stop)
        self._forget_taken()
        return [clause]

    def _last_end(self) -> int | None:
        """Behind the last sentence that has ended, as far as can be told."""
        limit, at, found = self._begin + self._settings.max_chars, self._begin, None
        self._final = True
        while at < min(len(self._text), limit):
            char, after = self._text[at], at + 1
            if char in ENDS:
                after = self._end_of_run(after, limit)
                stop = self._sentence_stop(at, after, limit)
                may_go_on = after == len(self._text) and self._text[at - 1 : at].isdigit()
                found = found if stop is None or may_go_on else stop
            elif char == "\n":
                found = after
            at = after
        self._final = False
        return found

    def _cut(self) -> list[Clause]:
        clauses: list[Clause] = []
        try:
            while (stop := self._next_stop()) is not None:
                clauses.append(self._take(stop))
        except _NeedsMore:
            pass
        self._forget_taken()
        return clauses

    def _take(self, stop: int) -> Clause:
        clause = Clause(self._text[self._begin : stop], self._offset + self._begin, self._offset + stop)
        self._begin = self._scan = stop
        self._first = False
        return clause

    def _forget_taken(self) -> None:
        self._text = self._text[self._begin :]
        self._offset += self._begin
        self._scan -= self._begin
        self._begin = 0

    # Where the next clause stops. Positions are indices into self._text.

    def _next_stop(self) -> int | None:
        """Where the clause that starts at `_begin` stops; None if the text does not say yet."""
        limit = self._begin + self._settings.max_chars
        while self._scan < len(self._text):
            if self._scan >= limit:
                return self._forced_stop(limit)
            char = self._text[self._scan]
            after = self._scan + 1
            stop = None
            if char in ENDS:
                after = self._end_of_run(after, limit)
                stop = self._sentence_stop(self._scan, after, limit)
            elif char == "\n":
                stop = after
            elif self._first and self._settings.first_break_chars and char in BREAKS:
                stop = self._break_stop(self._scan, limit)
                if stop is not None and self._length(stop) < self._settings.first_break_chars:
                    stop = None
            if stop is not None and self._long_enough(stop):
                return stop
            self._scan = min(after, limit)  # a row of ends may reach beyond it
        return None

    def _char(self, at: int) -> str:
        """The character at `at`; nothing behind the end of the reply."""
        if at < len(self._text):
            return self._text[at]
        if self._final:
            return ""
        raise _NeedsMore

    def _next_visible(self, at: int) -> str:
        """The first character from `at` on that is not white space; nothing if it is too far away to matter."""
        limit = self._begin + self._settings.max_chars
        while at <= limit and (char := self._char(at)):
            if not char.isspace():
                return char
            at += 1
        return ""

    def _end_of_run(self, at: int, limit: int) -> int:
        """Behind all ends and closing quotes that follow each other, or so far that the clause would be too long."""
        while at <= limit and (char := self._char(at)) and (char in ENDS or char in CLOSERS):
            at += 1
        return at

    def _sentence_stop(self, at: int, after: int, limit: int) -> int | None:
        """Where the clause stops if the signs in ``[at, after)`` end a sentence, else None."""
        run = self._text[at:after]
        needs_space = NEED_NO_SPACE.isdisjoint(run)
        if after > limit:
            return None
        following = self._char(after)
        if needs_space and following and not following.isspace():
            return None
        if needs_space and not {"!", "?"} & set(run) and not self._full_stop_ends(at, after, run):
            return None
        return self._with_space(after, limit)

    def _full_stop_ends(self, at: int, after: int, run: str) -> bool:
        """Whether a run of full stops or ellipses before white space ends a sentence."""
        if "…" in run or ".." in run:
            return not self._next_visible(after).islower()
        word = re.split(r"\s", self._text[self._begin : at])[-1].lstrip(OPENERS)
        lower = word.lower()
        if lower in MAY_END:
            return not self._next_visible(after).islower()
        if lower in BEFORE_NUMBER:
            return not self._next_visible(after).isdigit()
        if lower in self._settings.abbreviations or DOTTED_LETTERS.fullmatch(word):
            return False
        if len(word) == 1 and word.isupper() and word != "I":
            return False
        if word.isdigit() and len(word) <= SHORT_NUMBER_DIGITS:
            return self._short_number_ends(at - len(word), after)
        return True

    def _short_number_ends(self, at: int, after: int) -> bool:
        """Whether the full stop behind a short number that starts at `at` ends a sentence."""
        line = self._text[self._begin : at].rpartition("\n")[2]
        if self._settings.ordinal_dots or not _speakable(line):
            return False
        return not self._next_visible(after).islower()

    def _break_stop(self, at: int, limit: int) -> int | None:
        """Where the clause stops if it is cut at the comma or dash at `at`; None if that one stands inside a word."""
        char, following = self._text[at], self._char(at + 1)
        if char in BREAKS_NEED_SPACE and not following.isspace():
            return None
        if char == "-" and not self._text[self._begin : at][-1:].isspace():
            return None
        return self._with_space(at + 1, limit)

    def _with_space(self, stop: int, limit: int) -> int:
        """One character of white space belongs to the clause before it, if that has room."""
        return stop + 1 if stop < limit and self._char(stop).isspace() else stop

    def _forced_stop(self, limit: int) -> int:
        """Where to cut a clause that has reached the longest length."""
        shortest = self._settings.min_chars
        for at in range(limit - 1, self._begin + shortest - 2, -1):
            if self._text[at] in BREAKS:
                stop = self._break_stop(at, limit)
                if stop is not None and self._length(stop) >= shortest and _speakable(self._text[self._begin : stop]):
                    return stop
        for at in range(limit - 1, self._begin, -1):
            if self._text[at].isspace() and _speakable(self._text[self._begin : at]):
                return at + 1
        for at in range(limit, self._begin, -1):
            if not unicodedata.category(self._text[at]).startswith("M"):  # an accent stays with its letter
                return at
        return limit

    def _length(self, stop: int) -> int:
        return len(self._text[self._begin : stop].strip())

    def _long_enough(self, stop: int) -> bool:
        shortest = self._settings.first_min_chars if self._first else self._settings.min_chars
        return self._length(stop) >= shortest and _speakable(self._text[self._begin : stop])


def _speakable(text: str) -> bool:
    return any(char.isalnum() for char in text)
