"""What a model is given of a conversation: in turns, with nothing in it that was not said."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnscope.core import History, HistorySettings, Message, ToolCall, as_prompt


def user(text: str, *, superseded: bool = False) -> Message:
    return Message("user", text, superseded=superseded)


def assistant(text: str, unheard: str = "") -> Message:
    return Message("assistant", text, interrupted=bool(unheard), unheard=unheard)


def test_a_conversation_in_turns_is_given_as_it_is() -> None:
    messages = (Message("system", "Be kind."), assistant("Hello."), user("a"), assistant("A"), user("b"))
    assert as_prompt(messages) == messages


def test_a_question_that_was_not_answered_is_asked_with_the_next_one() -> None:
    assert as_prompt([user("two lattes"), assistant("", "Your order is"), user("and a cake")]) == (
        user("two lattes\nand a cake"),
    )


def test_what_the_agent_said_in_two_turns_running_is_one_message() -> None:
    spoken = [assistant("Your order is", "two lattes."), assistant("two lattes."), user("thanks")]
    assert as_prompt(spoken) == (assistant("Your order is two lattes."), user("thanks"))


def test_what_was_superseded_is_not_given() -> None:
    assert as_prompt([user("a"), assistant("A"), user("two", superseded=True), user("three")]) == (
        user("a"),
        assistant("A"),
        user("three"),
    )


def test_the_note_stands_before_what_the_caller_said_next_and_only_there() -> None:
    note = "[You were cut off. Not heard: {unheard}]"
    cut = assistant("Your order is", "two lattes.")
    messages = [user("a"), cut, user("wait"), assistant("Yes?"), user("three"), assistant("Fine.")]
    given = as_prompt(messages, note)
    assert [message.text for message in given] == [
        "a",
        "Your order is",
        "[You were cut off. Not heard: two lattes.]\nwait",
        "Yes?",
        "three",
        "Fine.",
    ]
    assert as_prompt(messages[:2], note) == tuple(messages[:2])


def test_of_a_reply_of_which_nothing_was_heard_there_is_no_note() -> None:
    assert as_prompt([user("a"), assistant("", "Nothing of it."), user("b")], "note") == (user("a\nb"),)


def test_a_history_gives_its_prompt_with_the_note_of_its_settings() -> None:
    history = History(HistorySettings(interruption_note="(heard: {heard})"))
    history.append(user("a"), assistant("Your", "order"))
    assert history.prompt(user("wait"))[-1] == user("(heard: Your)\nwait")


TURNS = st.lists(
    st.one_of(
        st.tuples(st.builds(user, st.sampled_from(["a", "b"]), superseded=st.booleans())),
        st.tuples(st.builds(assistant, st.sampled_from(["", "A", "B"]), st.sampled_from(["", "rest"]))),
    ),
    max_size=12,
)


@pytest.mark.feature(50, 51)
@given(TURNS, st.sampled_from([None, "note"]))
def test_caller_and_agent_take_turns_whatever_was_cut_off(turns: list[tuple[Message]], note: str | None) -> None:
    given = as_prompt((message for turn in turns for message in turn), note)
    roles = [message.role for message in given]
    assert all(one != other for one, other in pairwise(roles))
    assert all(message.text for message in given)


@given(TURNS, st.sampled_from([None, "note"]))
def test_what_was_given_once_stays_the_beginning_of_what_is_given_later(
    turns: list[tuple[Message]], note: str | None
) -> None:
    """A prompt that ends with a question is the beginning of every later one, so a cached prefix holds."""
    messages = [message for turn in turns for message in turn]
    later = as_prompt(messages, note)
    for stop in range(1, len(messages) + 1):
        earlier = as_prompt(messages[:stop], note)
        shared = later[: len(earlier)]
        assert [message.role for message in shared] == [message.role for message in earlier]
        assert [message.text for message in shared[:-1]] == [message.text for message in earlier[:-1]]
        assert not earlier or shared[-1].text.startswith(earlier[-1].text)


def test_an_interruption_while_a_tool_ran_is_noted_too() -> None:
    call = ToolCall("1", "order", "{}")
    messages = [
        Message("user", "tea"),
        Message("assistant", "One moment.", interrupted=True, tool_calls=(call,)),
        Message("tool", "cancelled", tool_call_id="1"),
        Message("user", "wait"),
    ]
    assert as_prompt(messages, "[after {heard!r}]")[-1].text == "[after 'One moment.']\nwait"
    whole = [replace(messages[1], interrupted=False), *messages[2:]]
    assert as_prompt(whole, "[after {heard!r}]")[-1].text == "wait"
