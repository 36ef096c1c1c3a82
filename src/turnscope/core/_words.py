"""Words tied to samples: the smallest thing that can be heard or unheard."""

from dataclasses import dataclass

__all__ = ["WordTiming"]


@dataclass(frozen=True, slots=True)
class WordTiming:
    """One spoken word of a text, and where its audio lies.

    Attributes:
        text: The word as it stands in the text, with punctuation that belongs to it ("U.S.", "don't") and no other.
        char_start: Index of its first character in the text that was asked to be spoken.
        char_stop: Index after its last character.
        start: First sample of its audio, counted from the first sample of the speech for that text.
        stop: Sample after its last one. Words are in order and do not overlap; silence may lie between them.
        estimated: True when the place is an estimate rather than what the synthesizer said.
    """

    text: str
    char_start: int
    char_stop: int
    start: int
    stop: int
    estimated: bool = False
