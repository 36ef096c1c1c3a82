"""What was said and what of it was heard: text ↔ words ↔ samples of one reply.

The playback says how far the audio of a reply was heard; this says which words that is.
"""

from dataclasses import dataclass, field

from turnscope.core._words import WordTiming

__all__ = ["HeardText", "SpokenText"]

SLOW_CHARS_PER_S = 8.0
"""Pace that is assumed for a clause that has not all its speech, of a synthesizer without timings, when no other has.

English is read aloud at about 14. A slower pace errs on the side of less having been heard, because what was not played
must never count. After the first clause, the pace of those before is assumed.
"""


@dataclass(frozen=True, slots=True)
class HeardText:
    """A reply cut where its audio was cut.

    Attributes:
        heard: The text up to the end of the last word that was wholly heard.
        unheard: The rest of what had been generated.
        words: The words that were heard.
        estimated: Where it was cut rests on an estimate.
    """

    heard: str
    unheard: str
    words: tuple[str, ...]
    estimated: bool


@dataclass(slots=True)
class _Clause:
    char_start: int
    text: str
    start: int
    samples: int = 0
    complete: bool = False
    words: list[WordTiming] = field(default_factory=list)


class SpokenText:
    """The text of one reply, tied to the samples of its speech at `hz`."""

    def __init__(self, hz: int) -> None:
        self._hz = hz
        self._text: list[str] = []
        self._length = 0
        self._clauses: list[_Clause] = []
        self._samples = 0

    @property
    def text(self) -> str:
        """Everything that was generated, spoken yet or not."""
        return "".join(self._text)

    def add_text(self, text: str) -> None:
        """The model said this next."""
        self._text.append(text)
        self._length += len(text)

    def begin_clause(self, text: str, char_start: int) -> None:
        """Speech for ``self.text[char_start:char_start + len(text)]`` comes next."""
        self._clauses.append(_Clause(char_start, text, self._samples))

    def add_speech(self, samples: int, words: tuple[WordTiming, ...] = ()) -> None:
        """The begun clause got so many more samples, and these words, counted from the clause's own beginning."""
        clause = self._clauses[-1]
        clause.samples += samples
        self._samples += samples
        clause.words.extend(words)

    def end_clause(self) -> None:
        """The begun clause has all its speech."""
        self._clauses[-1].complete = True

    def words(self) -> list[WordTiming]:
        """All words so far, counted from the reply's first sample and character."""
        found: list[WordTiming] = []
        for clause in self._clauses:
            for word in clause.words or self._estimated_words(clause):
                found.append(
                    WordTiming(
                        word.text,
                        word.char_start + clause.char_start,
                        word.char_stop + clause.char_start,
                        word.start + clause.start,
                        word.stop + clause.start,
                        word.estimated,
                    )
                )
        return found

    def heard(self, until: int) -> HeardText:
        """What was heard when the samples before `until` were."""
        words = self.words()
        heard = [word for word in words if word.stop <= until and word.start < until]  # no sound, nothing heard
        text = self.text
        cut = heard[-1].char_stop if heard else 0
        if words and len(heard) == len(words) and not text[cut:].strip(CLOSING):
            cut = len(text.rstrip())
        return HeardText(
            text[:cut].strip(),
            text[cut:].strip(),
            tuple(word.text for word in heard),
            any(word.estimated for word in words if word.start < until),
        )

    def word_start(self, at: int) -> int:
        """First sample of the word that lies over sample `at`; `at` itself between words."""
        for word in reversed(self.words()):
            if word.start <= at:
                return word.start if at < word.stop else at
        return at

    def sentence_end(self, at: int) -> int | None:
        """Sample after the sentence that lies over sample `at`, or `at` between two of them; None while unknown.

        After a sentence of which all was heard is between two of them, even if there is no next one yet.
        """
        words = self.words()
        over = sum(word.stop <= at for word in words)
        between = over == len(words) or words[over].start >= at
        if over and between and self._ends(words, over - 1):
            return at
        return next((words[index].stop for index in range(over, len(words)) if self._ends(words, index)), None)

    def _ends(self, words: list[WordTiming], index: int) -> bool:
        """Whether a sentence is known to end with this word."""
        clause = self._clauses[-1]
        is_last = index + 1 == len(words)
        stop = clause.char_start + len(clause.text) if is_last else words[index + 1].char_start
        follows = self.text[words[index].char_stop : stop]
        if is_last and not clause.complete and any(char.isalnum() for char in follows):
            return False  # its next word is not spoken yet
        return any(mark in follows for mark in _SENTENCE_MARKS)

    def _estimated_words(self, clause: _Clause) -> list[WordTiming]:
        """Words spread over the clause by their length, for a synthesizer that does not tell."""
        chars = max(len(clause.text), 1)
        length = clause.samples if clause.complete else max(clause.samples, round(chars * self._samples_per_char()))
        words: list[WordTiming] = []
        position = 0
        for token in clause.text.split():
            start = clause.text.index(token, position)
            position = start + len(token)
            bare = token.strip(CLOSING + _OPENING)
            if not bare:  # a dash by itself is no word
                continue
            at = start + token.index(bare)
            stop = at + len(bare)
            words.append(WordTiming(bare, at, stop, length * at // chars, length * stop // chars, estimated=True))
        return words

    def _samples_per_char(self) -> float:
        """The pace of the speech so far."""
        spoken = [clause for clause in self._clauses if clause.complete and clause.samples]
        chars = sum(len(clause.text) for clause in spoken)
        return sum(clause.samples for clause in spoken) / chars if chars else self._hz / SLOW_CHARS_PER_S


_SENTENCE_MARKS = ".!?…。！？"
"""Marks that a sentence ends with. A full stop after an abbreviation is taken for one."""

CLOSING = " \t\n.,;:!?…\"'”’)]}—–-"
"""What may follow the last word of a text without being spoken."""

_OPENING = "([{“‘«¿¡"
"""What may stand before a word without being spoken."""
