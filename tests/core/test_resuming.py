"""Who asks the agent to go on, and with what it does."""

import pytest

from turnscope._errors import ConfigError
from turnscope.core import GO_ON, History, Message, ResumeSettings, asks_to_go_on, unheard_rest


def user(text: str, *, superseded: bool = False) -> Message:
    return Message("user", text, superseded=superseded)


def cut(heard: str, unheard: str, *, resumed: bool = False) -> Message:
    return Message("assistant", heard, interrupted=True, unheard=unheard, resumed=resumed)


@pytest.mark.feature(61)
@pytest.mark.parametrize(
    "text",
    [
        "go on",
        "Go on.",
        "GO ON!",
        "Continue.",
        "Oh, sorry, go on, please.",
        "No no, please continue.",
        "Okay so where were we?",
        "Well, you were saying?",
        *sorted(GO_ON),
    ],
)
def test_an_utterance_that_says_nothing_but_go_on_asks_for_it(text: str) -> None:
    assert asks_to_go_on(text)


@pytest.mark.feature(61)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "please",
        "sorry",
        "go",
        "on",
        "go on with the order",
        "I want to continue with tea",
        "don't go on",
        "can I continue",
        "go ahead",
        "yes",
        "continue the subscription",
        "and continue",
        "where were we going",
    ],
)
def test_an_utterance_that_says_anything_else_does_not(text: str) -> None:
    assert not asks_to_go_on(text)


def test_the_phrases_can_be_others_and_none() -> None:
    german = frozenset({"weiter", "wo waren wir"})
    assert asks_to_go_on("Ok, weiter!", german)
    assert not asks_to_go_on("go on", german)
    assert not asks_to_go_on("go on", frozenset())
    assert asks_to_go_on("I’m listening", frozenset({"i'm listening"}))


@pytest.mark.parametrize("phrase", ["Go on", "go  on", "go on.", ""])
def test_phrases_that_could_never_be_said_are_refused(phrase: str) -> None:
    with pytest.raises(ConfigError, match="phrases must be words in lower case"):
        ResumeSettings(frozenset({phrase}))


def test_a_number_of_turns_is_not_negative() -> None:
    with pytest.raises(ConfigError, match="max_turns_between"):
        ResumeSettings(max_turns_between=-1)


@pytest.mark.feature(61)
@pytest.mark.parametrize(
    ("unheard", "rest"),
    [
        ("two lattes.", "two lattes."),
        (", and it is ready soon.", "and it is ready soon."),
        ('." (It is "ready".)', '(It is "ready".)'),
        (".", ""),
        ("", ""),
    ],
)
def test_the_rest_begins_with_the_first_word_that_was_not_heard(unheard: str, rest: str) -> None:
    assert unheard_rest(cut("Your order", unheard)) == rest


def test_of_a_reply_that_ended_or_was_taken_up_there_is_no_rest() -> None:
    assert unheard_rest(Message("assistant", "Fine.", unheard="odd")) == ""
    assert unheard_rest(cut("Your", "order", resumed=True)) == ""


def remembered(*turns: tuple[Message, ...]) -> History:
    history = History()
    for turn in turns:
        history.append(*turn)
    return history


REPLY = cut("Your order", "is ready.")
DONE = (user("thanks"), Message("assistant", "You are welcome."))


@pytest.mark.feature(61)
def test_what_can_be_resumed_is_the_reply_of_the_last_turn() -> None:
    assert remembered().resumable() is None
    assert remembered((user("a"), REPLY)).resumable() is REPLY
    assert remembered((user("a"), REPLY), DONE).resumable() is None
    assert remembered(DONE, (user("a"), REPLY)).resumable() is REPLY


def test_as_many_turns_may_lie_between_as_are_allowed() -> None:
    history = remembered((user("a"), REPLY), DONE, DONE)
    assert history.resumable(1) is None
    assert history.resumable(2) is REPLY
    assert history.resumable(None) is REPLY


def test_a_question_that_was_not_answered_is_no_turn_between() -> None:
    assert remembered((user("a"), REPLY), (user("b"),)).resumable() is REPLY


def test_what_was_taken_up_already_ends_the_search() -> None:
    history = remembered((user("a"), REPLY), (user("b"), cut("Tea", "costs two", resumed=True)), DONE)
    assert history.resumable(None) is None


def test_the_answer_to_what_was_superseded_is_not_resumed() -> None:
    assert remembered((user("a", superseded=True), cut("", "Your order"))).resumable() is None
