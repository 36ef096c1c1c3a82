"""The conversation that the model is given: in order, bounded, cut between turns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnscope._errors import ConfigError
from turnscope.core import History, Message, ToolCall


def user(text: str) -> Message:
    return Message("user", text)


def assistant(text: str) -> Message:
    return Message("assistant", text)


def texts(history: History) -> list[str]:
    return [message.text for message in history.messages]


def test_messages_are_kept_in_order() -> None:
    history = History()
    history.append(user("a"), assistant("A"))
    history.append(assistant("Hello."))
    history.append(user("b"))
    assert texts(history) == ["a", "A", "Hello.", "b"]


def test_a_question_never_loses_its_answer() -> None:
    history = History(max_messages=4)
    for name in "abc":
        history.append(user(name), assistant(name.upper()))
    assert texts(history) == ["b", "B", "c", "C"]
    history.append(assistant("Hello."))  # five messages: the turn of b goes as a whole
    assert texts(history) == ["c", "C", "Hello."]


def test_the_newest_turn_is_kept_however_long_it_is() -> None:
    history = History(max_messages=1)
    history.append(user("a"), assistant("A"))
    assert texts(history) == ["a", "A"]
    history.append(user("b"), assistant("B"))
    assert texts(history) == ["b", "B"]


def test_nothing_appended_is_no_turn() -> None:
    history = History(max_messages=1)
    history.append(user("a"))
    history.append()
    assert texts(history) == ["a"]


def test_replacing_puts_others_in_place_of_all_and_a_turn_begins_with_the_caller() -> None:
    history = History(max_messages=3)
    history.append(user("old"))
    history.replace([assistant("Hello."), user("a"), assistant("A"), assistant("A2"), user("b")])
    assert texts(history) == ["b"], "the turn of a has three messages, which do not fit beside b"
    history.replace([assistant("Hello."), user("a"), assistant("A")])
    assert texts(history) == ["Hello.", "a", "A"]
    history.append(user("b"))
    assert texts(history) == ["a", "A", "b"]


def test_replacing_by_nothing_empties_it() -> None:
    history = History()
    history.append(user("a"))
    history.replace(iter(()))
    assert history.messages == ()


def test_clearing_forgets_everything_and_what_it_counted() -> None:
    history = History(max_messages=2)
    history.append(user("a"), assistant("A"))
    history.clear()
    assert history.messages == ()
    history.append(user("b"))
    history.append(user("c"))
    assert texts(history) == ["b", "c"]


def test_a_message_can_be_amended_as_long_as_it_is_kept() -> None:
    history = History(max_messages=2)
    question, answer = user("a"), assistant("A")
    history.append(question, answer)
    history.amend(answer, assistant("A and more"))
    assert texts(history) == ["a", "A and more"]
    history.append(user("b"), assistant("B"))
    history.amend(question, user("forgotten"))
    assert texts(history) == ["b", "B"]


def test_only_the_very_message_is_amended_not_one_that_reads_the_same() -> None:
    history = History()
    first, second = assistant("Sure."), assistant("Sure.")
    history.append(first)
    history.append(second)
    history.amend(second, assistant("Of course."))
    assert texts(history) == ["Sure.", "Of course."]


def test_what_was_seen_of_it_does_not_change_later() -> None:
    history = History()
    history.append(user("a"))
    seen = history.messages
    history.append(user("b"))
    assert seen == (user("a"),)


def test_as_plain_data_nothing_is_missing() -> None:
    history = History()
    history.append(Message("assistant", "Your order is", interrupted=True, unheard="two lattes."))
    assert history.to_list() == [
        {"role": "assistant", "text": "Your order is", "interrupted": True, "unheard": "two lattes."}
    ]


def test_a_turn_can_be_rewritten_as_a_whole_as_long_as_it_is_kept() -> None:
    history = History(max_messages=4)
    question, answer = user("a"), assistant("A")
    history.append(user("before"))
    history.append(question, answer)
    calling = Message("assistant", "", tool_calls=(ToolCall("1", "look", "{}"),))
    history.rewrite(answer, question, calling, Message("tool", "a tree", tool_call_id="1"), assistant("A tree."))
    assert texts(history) == ["a", "", "a tree", "A tree."], "and what no longer fits is gone"
    history.rewrite(answer, user("nobody has this message any more"))
    history.rewrite(question)
    assert texts(history) == ["a", "", "a tree", "A tree."]
    history.append(user("b"))
    assert texts(history) == ["b"], "a call is never parted from its result"


def test_tool_calls_and_results_are_plain_data_too() -> None:
    history = History()
    history.append(
        Message("assistant", "", tool_calls=(ToolCall("1", "look", "{}"),)), Message("tool", "", tool_call_id="1")
    )
    assert history.to_list() == [
        {
            "role": "assistant",
            "text": "",
            "interrupted": False,
            "unheard": "",
            "tool_calls": [{"id": "1", "name": "look", "arguments": "{}"}],
        },
        {"role": "tool", "text": "", "interrupted": False, "unheard": "", "tool_call_id": "1"},
    ]


@pytest.mark.parametrize("count", [0, -1])
def test_a_history_of_nothing_is_refused(count: int) -> None:
    with pytest.raises(ConfigError, match="max_messages"):
        History(count)


@given(st.integers(1, 8), st.lists(st.integers(0, 4), max_size=20))
def test_it_is_bounded_and_holds_whole_turns_the_newest_among_them(bound: int, sizes: list[int]) -> None:
    history = History(bound)
    turns: list[list[str]] = []
    for number, size in enumerate(sizes):
        turn = [f"{number}.{index}" for index in range(size)]
        history.append(*(user(text) for text in turn))
        turns += [turn] if turn else []
        kept = texts(history)
        assert len(kept) <= max(bound, len(turns[-1]) if turns else 0)
        whole = [[text for turn in turns[start:] for text in turn] for start in range(len(turns) + 1)]
        assert kept in whole, "the newest turns, each as a whole"
        assert not turns or kept[-len(turns[-1]) :] == turns[-1]
        earlier = len(turns) - next(index for index, texts_ in enumerate(whole[::-1]) if texts_ == kept)
        assert earlier <= 0 or len(kept) + len(turns[earlier - 1]) > bound, "nothing that fits was thrown away"
