"""What the people of a made corpus say."""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["BACKCHANNEL_TEXTS", "HUMS", "SENTENCES", "WORDS"]

WORDS = (
    *(
        "No.",
        "No!",
        "No, no.",
        "Stop.",
        "Stop!",
        "Wait.",
        "Wait, wait.",
        "Hold on.",
        "Hang on.",
        "Sorry?",
        "What?",
        "Why?",
    ),
    *("When?", "Who?", "Where?", "How?", "Help.", "Cancel.", "Never mind.", "Excuse me.", "Pardon?", "Nope.", "Hello?"),
    *(
        "Enough.",
        "Quiet.",
        "Repeat that.",
        "Go back.",
        "Louder.",
        "Slower.",
        "Actually.",
        "But.",
        "Later.",
        "Next.",
        "Skip.",
    ),
    *("Zero.", "One.", "Two.", "Three.", "Four.", "Five.", "Six.", "Seven.", "Eight.", "Nine.", "Ten.", "Twelve."),
    *(
        "Monday.",
        "Tomorrow.",
        "Coffee.",
        "Latte.",
        "Espresso.",
        "London.",
        "Robert.",
        "Agent.",
        "Operator.",
        "Computer.",
    ),
)
"""Interruptions of a word or two."""

SENTENCES = (
    "No, that is not what I meant.",
    "Wait a second, please.",
    "Can I get a large coffee instead?",
    "Actually, make that two.",
    "I would like to change my order.",
    "What time do you close today?",
    "Sorry, could you say that again?",
    "Stop, I have heard enough.",
    "My number is five five one two.",
    "That is the wrong address.",
    "How much does it cost?",
    "Hold on, I need to find my card.",
    "Let me ask you something else.",
    "I already did that yesterday.",
    "Please send it to my office.",
    "You have the wrong person.",
    "Could you speak a little slower?",
    "I want to talk to somebody else.",
    "When will it arrive?",
    "We need three tickets for Friday.",
    "Forget about the second one.",
    "Is there anything cheaper?",
    "Two espressos and a glass of water.",
    "The meeting was moved to Tuesday.",
    "Okay, so what about the other one?",
    "Right, but I asked for something else.",
    "Yeah, but that is too late for me.",
    "Are you still open on Sundays?",
)
"""Interruptions of a sentence. Some begin as a nod does."""

BACKCHANNEL_TEXTS = (
    *("Yeah.", "Yeah.", "Yeah, yeah.", "Right.", "Right, right.", "Okay.", "Okay.", "Okay, okay.", "Sure.", "Uh-huh."),
    *("Oh.", "Oh, okay.", "Ah.", "Aha.", "I see.", "Got it.", "Yep.", "Alright.", "Yeah, okay.", "Mm, yeah."),
)
"""Nods that have words."""

HUMS: Mapping[str, tuple[int, bool]] = MappingProxyType({"mm": (1, False), "mm-hm": (2, True), "mm-mm": (2, False)})
"""Nods that have none: how many syllables, and whether there is a breath between them."""
