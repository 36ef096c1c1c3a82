"""The conversation as it is remembered: in order, bounded, cut between turns, saved and restored without a loss."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnscope._errors import ConfigError, ProtocolError
from turnscope.core import History, HistoryChange, HistorySettings, Message, ToolCall, estimate_tokens


def user(text: str) -> Message:
    return Message("user", text)


def assistant(text: str) -> Message:
    return Message("assistant", text)


def bounded(**limits: int) -> History:
    return History(HistorySettings(**limits))  # type: ignore[arg-type]


def texts(history: History) -> list[str]:
    return [message.text for message in history.messages]


def test_messages_are_kept_in_order() -> None:
    history = History()
    history.append(user("a"), assistant("A"))
    history.append(assistant("Hello."))
    history.append(user("b"))
    assert texts(history) == ["a", "A", "Hello.", "b"]
    assert history.turns == ((user("a"), assistant("A")), (assistant("Hello."),), (user("b"),))


# Limits


@pytest.mark.feature(51)
def test_a_question_never_loses_its_answer() -> None:
    history = bounded(max_messages=4)
    for name in "abc":
        history.append(user(name), assistant(name.upper()))
    assert texts(history) == ["b", "B", "c", "C"]
    history.append(assistant("Hello."))  # five messages: the turn of b goes as a whole
    assert texts(history) == ["c", "C", "Hello."]


def test_the_newest_turn_is_kept_however_long_it_is() -> None:
    history = bounded(max_messages=1, max_chars=1, max_tokens=1)
    history.append(user("a"), assistant("A"))
    assert texts(history) == ["a", "A"]
    history.append(user("b"), assistant("B"))
    assert texts(history) == ["b", "B"]


@pytest.mark.feature(51)
def test_a_limit_of_characters_counts_what_the_model_is_given() -> None:
    history = bounded(max_chars=10)
    history.append(user("1234"), Message("assistant", "56", interrupted=True, unheard="much more than ten characters"))
    history.append(user("7890"))
    assert texts(history) == ["1234", "56", "7890"]
    history.append(user("1"))
    assert texts(history) == ["7890", "1"]


@pytest.mark.feature(51)
def test_a_limit_of_tokens_counts_by_the_counter_that_is_given() -> None:
    history = History(HistorySettings(max_tokens=5, count_tokens=lambda message: len(message.text.split())))
    history.append(user("one two"), assistant("three"))
    history.append(user("four five"))
    assert (history.tokens, len(history.messages)) == (5, 3)
    history.append(user("six"))
    assert texts(history) == ["four five", "six"]
    assert history.tokens == 3


def test_by_default_there_is_no_limit_but_that_of_messages() -> None:
    history = History()
    for number in range(60):
        history.append(user("long " * 1000), assistant(str(number)))
    assert len(history.messages) == 100
    unlimited = History(HistorySettings(max_messages=None))
    for number in range(200):
        unlimited.append(user(str(number)))
    assert len(unlimited.messages) == 200


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 4), ("a", 5), ("four", 5), ("fiver", 6), ("Füße", 6), ("漢字漢字", 7), ("\ud800", 5)]
)
def test_tokens_are_estimated_by_the_bytes_of_the_text(text: str, tokens: int) -> None:
    assert estimate_tokens(user(text)) == tokens


@pytest.mark.parametrize("name", ["max_messages", "max_chars", "max_tokens"])
@pytest.mark.parametrize("limit", [0, -1])
def test_a_history_of_nothing_is_refused(name: str, limit: int) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be at least 1"):
        bounded(**{name: limit})


def test_a_counter_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="count_tokens"):
        HistorySettings(count_tokens=7)  # type: ignore[arg-type]


@pytest.mark.parametrize("note", ["{", "{words}", "{0}", "{heard:>9}", "{unheard!r}", "{heard.upper}", "{}"])
def test_a_note_that_names_something_else_is_refused(note: str) -> None:
    with pytest.raises(ConfigError, match="interruption_note"):
        HistorySettings(interruption_note=note)


@pytest.mark.feature(51)
@given(st.integers(1, 8), st.lists(st.integers(0, 4), max_size=20))
def test_it_is_bounded_and_holds_whole_turns_the_newest_among_them(bound: int, sizes: list[int]) -> None:
    history = bounded(max_messages=bound)
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


# What applications do


def test_nothing_appended_is_no_turn() -> None:
    history = bounded(max_messages=1)
    history.append(user("a"))
    history.append()
    assert texts(history) == ["a"]


@pytest.mark.feature(51)
def test_replacing_puts_others_in_place_of_all_and_a_turn_begins_with_the_caller() -> None:
    history = bounded(max_messages=3)
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


def test_only_messages_can_be_put_in_place() -> None:
    history = History()
    history.append(user("a"))
    with pytest.raises(ConfigError, match=r"messages\[1\] must be a Message"):
        history.replace([user("b"), {"role": "user", "text": "c"}])  # type: ignore[list-item]
    assert texts(history) == ["a"]


@pytest.mark.feature(51)
def test_clearing_forgets_everything_and_what_it_counted() -> None:
    history = bounded(max_messages=2)
    history.append(user("a"), assistant("A"))
    history.clear()
    assert history.messages == ()
    assert history.tokens == 0
    history.append(user("b"))
    history.append(user("c"))
    assert texts(history) == ["b", "c"]


def test_a_message_can_be_amended_as_long_as_it_is_kept() -> None:
    history = bounded(max_messages=2)
    question, answer = user("a"), assistant("A")
    history.append(question, answer)
    history.amend(answer, assistant("A and more"))
    assert texts(history) == ["a", "A and more"]
    history.append(user("b"), assistant("B"))
    history.amend(question, user("forgotten"))
    assert texts(history) == ["b", "B"]


def test_what_is_amended_is_counted_anew() -> None:
    history = bounded(max_chars=4)
    answer = assistant("A")
    history.append(user("a"))
    history.append(answer)
    history.amend(answer, assistant("AAAA"))
    assert texts(history) == ["AAAA"]


def test_only_the_very_message_is_amended_not_one_that_reads_the_same() -> None:
    history = History()
    first, second = assistant("Sure."), Message("assistant", "Sure.")
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


@pytest.mark.feature(51)
def test_every_change_is_told_with_what_has_changed() -> None:
    changes: list[HistoryChange] = []
    history = History(HistorySettings(max_messages=3), on_change=changes.append)
    a, b = user("a"), Message("assistant", "A", interrupted=True)
    history.append(a, b, turn_id=1)
    more = Message("assistant", "A", interrupted=True, unheard="B")
    history.amend(b, more, turn_id=1)
    history.append(user("c"), assistant("C"), turn_id=2)
    history.replace([user("d")])
    history.clear()
    saved = History()
    saved.append(user("e"))
    history.restore(saved)
    assert changes == [
        HistoryChange("added", (a, b), 1),
        HistoryChange("amended", (more,), 1),
        HistoryChange("added", (user("c"), assistant("C")), 2),
        HistoryChange("trimmed", (a, more)),
        HistoryChange("replaced", (user("d"),)),
        HistoryChange("cleared", ()),
        HistoryChange("restored", (user("e"),)),
    ]


# Saving


def test_as_plain_data_nothing_is_missing() -> None:
    history = History()
    history.append(Message("assistant", "Your order is", interrupted=True, unheard="two lattes."))
    assert history.to_list() == [
        {
            "role": "assistant",
            "text": "Your order is",
            "interrupted": True,
            "unheard": "two lattes.",
        }
    ]


@pytest.mark.feature(51)
def test_a_turn_can_be_rewritten_as_a_whole_as_long_as_it_is_kept() -> None:
    history = bounded(max_messages=4)
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
        {"role": "assistant", "text": "", "tool_calls": [{"id": "1", "name": "look", "arguments": "{}"}]},
        {"role": "tool", "text": "", "tool_call_id": "1"},
    ]


MESSAGES = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant", "tool"]),
    text=st.text(),
    interrupted=st.booleans(),
    unheard=st.text(),
    tool_calls=st.lists(st.builds(ToolCall, st.text(), st.text(), st.text()), max_size=2).map(tuple),
    tool_call_id=st.text(),
    resumed=st.booleans(),
    superseded=st.booleans(),
)


@pytest.mark.feature(51)
@given(st.lists(st.lists(MESSAGES, min_size=1, max_size=4), max_size=60))
def test_what_was_saved_is_restored_to_the_last_character_and_turn(turns: list[list[Message]]) -> None:
    history = History(HistorySettings(max_messages=None))
    for turn in turns:
        history.append(*turn)
    saved = history.to_json()
    restored = History.from_json(saved)
    assert restored.turns == history.turns
    assert restored.to_json() == saved
    assert restored.tokens == history.tokens


def test_the_format_of_what_is_saved_is_stable() -> None:
    saved = (
        '{"version":1,"turns":[[{"role":"assistant","text":"Hello."}],[{"role":"user","text":"two lattes"},'
        '{"role":"assistant","text":"Your order","interrupted":true,"unheard":"is ready."}]]}'
    )
    history = History.from_json(saved)
    assert history.turns == (
        (assistant("Hello."),),
        (user("two lattes"), Message("assistant", "Your order", interrupted=True, unheard="is ready.")),
    )
    assert history.to_json() == saved


def test_restoring_under_limits_drops_whole_turns() -> None:
    history = History()
    history.append(user("a"), assistant("A"))
    history.append(user("b"), assistant("B"))
    restored = History.from_json(history.to_json(), HistorySettings(max_messages=3))
    assert texts(restored) == ["b", "B"]


ONE = {"role": "user", "text": "a"}


@pytest.mark.feature(51)
@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ([], "a saved history: must be an object"),
        ({"turns": []}, "version: must be 1, got None"),
        ({"version": 2, "turns": []}, "version: must be 1, got 2"),
        ({"version": 1}, "turns: must be a list, got None"),
        ({"version": 1, "turns": [], "more": 1}, "more: unknown key"),
        ({"version": 1, "turns": [[ONE], {}]}, r"turns\[1\]: must be a list"),
        ({"version": 1, "turns": [[ONE, "hello"]]}, r"turns\[0\]\[1\]: must be an object, got 'hello'"),
        ({"version": 1, "turns": [[{"text": "a"}]]}, r"turns\[0\]\[0\]\.role: is missing"),
        ({"version": 1, "turns": [[{"role": "user"}]]}, r"turns\[0\]\[0\]\.text: is missing"),
        ({"version": 1, "turns": [[{**ONE, "role": "dog"}]]}, r"turns\[0\]\[0\]\.role: must be one of system, user"),
        ({"version": 1, "turns": [[{**ONE, "text": 1}]]}, r"turns\[0\]\[0\]\.text: must be text, got 1"),
        (
            {"version": 1, "turns": [[{**ONE, "interrupted": 1}]]},
            r"turns\[0\]\[0\]\.interrupted: must be true or false, got 1",
        ),
        ({"version": 1, "turns": [[{**ONE, "mood": "glad"}]]}, r"turns\[0\]\[0\]\.mood: unknown key; known here: role"),
    ],
)
def test_what_is_wrong_with_a_saved_history_is_said_with_its_place(data: object, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=f"^{complaint}"):
        History.from_json(json.dumps(data))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError, match="must be JSON"):
        History.from_json(text)
