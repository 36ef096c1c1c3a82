import math

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from turnscope._errors import ConfigError, ProviderError
from turnscope.core import Message, ToolCall
from turnscope.providers._protocols import LLM, LLMItem, Resources, TextDelta, Usage
from turnscope.providers._scripted_llm import Rule, ScriptedCall, ScriptedLLM, _pieces


class NoCompute:
    async def run(self, work: object, *, cost_s: float, name: str) -> object:
        raise AssertionError("a script computes nothing")


RESOURCES = Resources(compute=NoCompute())  # type: ignore[arg-type]


def user(*texts: str) -> list[Message]:
    return [Message("user", text) for text in texts]


async def ask(llm: LLM, messages: list[Message]) -> list[LLMItem]:
    async with llm.connect(RESOURCES) as connection, connection.open_stream(messages) as stream:
        return [item async for item in stream]


async def say(llm: LLM, messages: list[Message]) -> str:
    return "".join(item.text for item in await ask(llm, messages) if isinstance(item, TextDelta))


def test_it_is_an_llm() -> None:
    assert isinstance(ScriptedLLM([]), LLM)


async def test_the_first_rule_that_matches_answers() -> None:
    llm = ScriptedLLM([Rule("tea", "Tea."), Rule("coffee", "Coffee."), Rule("tea|coffee", "Both.")])
    assert await say(llm, user("A COFFEE or a Tea")) == "Tea."
    assert await say(llm, user("a coffee")) == "Coffee."


async def test_only_the_last_thing_the_user_said_counts() -> None:
    llm = ScriptedLLM([Rule("coffee", "Coffee."), Rule("tea", "Tea.")])
    messages = [*user("coffee"), Message("assistant", "coffee it is"), *user("no, tea"), Message("system", "coffee")]
    assert await say(llm, messages) == "Tea."


async def test_named_groups_fill_the_reply() -> None:
    llm = ScriptedLLM(
        [Rule(r"(?P<count>\w+) (?P<what>coffee|tea)s?(?P<extra> with milk)?", "{count} {what}{extra} {{ok}}")]
    )
    assert await say(llm, user("I want Two coffees")) == "Two coffee {ok}"
    assert await say(llm, user("one tea with milk")) == "one tea with milk {ok}"


async def test_what_the_user_says_is_never_a_template() -> None:
    llm = ScriptedLLM([Rule(r"(?P<all>.*)", "{all}")])
    assert await say(llm, user("{all.__class__} {{x}}")) == "{all.__class__} {{x}}"


async def test_a_rule_can_be_for_one_turn_of_the_user() -> None:
    llm = ScriptedLLM([Rule("", "Hello!", turn=0), Rule("", "First.", turn=1), Rule("", "Later.")])
    assert await say(llm, [Message("system", "Be kind.")]) == "Hello!"
    assert await say(llm, user("a")) == "First."
    assert await say(llm, user("a", "b")) == "Later."


async def test_the_fallback_is_said_as_it_stands() -> None:
    assert await say(ScriptedLLM([], fallback="{what}?"), user("x")) == "{what}?"


async def test_a_text_without_a_rule_is_an_error_that_quotes_it() -> None:
    llm = ScriptedLLM([Rule("tea", "Tea.")], name="waiter")
    with pytest.raises(ProviderError, match="waiter: no rule for 'a bagel' in the user's turn 2, and no fallback"):
        await ask(llm, user("hi", "a bagel"))
    with pytest.raises(ProviderError) as caught:
        await ask(llm, user("x" * 10_000))
    assert len(str(caught.value)) < 400


async def test_every_piece_comes_at_its_time() -> None:
    llm = ScriptedLLM([Rule("", "One two, three.")], tokens_per_s=8, first_token_s=0.5)
    async with llm.connect(RESOURCES) as connection:
        start = trio.current_time()
        async with connection.open_stream(user("go")) as stream:
            got = [(item, trio.current_time() - start) async for item in stream]
    assert got == [
        (TextDelta("One"), 0.5),
        (TextDelta(" two"), 0.625),
        (TextDelta(","), 0.75),
        (TextDelta(" three"), 0.875),
        (TextDelta("."), 1.0),
        (Usage(input_tokens=1, output_tokens=5), 1.0),
    ]


async def test_rounding_does_not_add_up_over_a_long_answer() -> None:
    llm = ScriptedLLM([Rule("", "word " * 1000)], tokens_per_s=30, first_token_s=0.1)
    async with llm.connect(RESOURCES) as connection:
        start = trio.current_time()
        async with connection.open_stream(user("go")) as stream:
            times = [trio.current_time() async for item in stream if isinstance(item, TextDelta)]
    assert times == [start + 0.1 + k / 30 for k in range(len(times))]


async def test_a_reader_who_was_slow_gets_at_once_what_is_due() -> None:
    llm = ScriptedLLM([Rule("", "a b c d")], tokens_per_s=1, first_token_s=0)
    async with llm.connect(RESOURCES) as connection:
        start = trio.current_time()
        async with connection.open_stream(user("go")) as stream:
            await anext(stream)
            await trio.sleep(2.5)
            await anext(stream)
            await anext(stream)
            assert trio.current_time() - start == 2.5
            await anext(stream)
            assert trio.current_time() - start == 3


async def test_all_at_once_takes_no_time_after_the_first_piece() -> None:
    start = trio.current_time()
    await ask(ScriptedLLM([Rule("", "a b c")], tokens_per_s=math.inf, first_token_s=0.25), user("x"))
    assert trio.current_time() - start == 0.25


async def test_an_empty_reply_costs_its_time_and_says_nothing() -> None:
    start = trio.current_time()
    assert await ask(ScriptedLLM([Rule("", "")]), user("a b")) == [Usage(input_tokens=2, output_tokens=0)]
    assert trio.current_time() - start == 0.2


async def test_a_cancelled_answer_ends_at_once_and_says_nothing_more() -> None:
    llm = ScriptedLLM([Rule("", "one two three four")], tokens_per_s=10, first_token_s=0)
    got = []
    async with llm.connect(RESOURCES) as connection:
        start = trio.current_time()
        with trio.move_on_after(0.15):
            async with connection.open_stream(user("go")) as stream:
                async for item in stream:
                    got.append(item)
        assert trio.current_time() - start == 0.15
        assert got == [TextDelta("one"), TextDelta(" two")]
        assert [item async for item in stream] == []


async def test_streams_of_one_connection_do_not_disturb_each_other() -> None:
    llm = ScriptedLLM([Rule("(?P<n>.+)", "{n} {n}")], tokens_per_s=10)
    async with (
        llm.connect(RESOURCES) as connection,
        connection.open_stream(user("a")) as first,
        connection.open_stream(user("b")) as second,
    ):
        got = [await anext(first), await anext(second), await anext(first), await anext(second)]
    assert got == [TextDelta("a"), TextDelta("b"), TextDelta(" a"), TextDelta(" b")]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Rule("(", "x"), r"rules\[1\]\.when is not a regular expression: .*; got '\('"),
        (Rule("x{99999999999999999999}", "x"), r"rules\[1\]\.when is not a regular expression"),
        (Rule("(?P<size>a)", "{what}"), r"rules\[1\]\.reply: unknown field \{what\}; the groups named in `when`: size"),
        (Rule("(a)", "{0}"), r"rules\[1\]\.reply: unknown field \{0\}; the groups named in `when`: none"),
        (Rule("a", "{}"), r"rules\[1\]\.reply: unknown field"),
        (Rule("(?P<a>a)", "{a.__class__}"), r"rules\[1\]\.reply: unknown field"),
        (Rule("(?P<a>a)", "{a!r}"), r"rules\[1\]\.reply: the field \{a\} takes neither"),
        (Rule("(?P<a>a)", "{a:>9999999999}"), r"rules\[1\]\.reply: the field \{a\} takes neither"),
        (Rule("a", "{"), r"rules\[1\]\.reply: .* write \{\{ and \}\} for braces"),
        (Rule("a", "b", turn=-1), r"rules\[1\]\.turn must be 0 or more, or None; got -1"),
    ],
)
def test_a_wrong_rule_is_named_by_its_index(rule: Rule, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ScriptedLLM([Rule("ok", "ok"), rule])


@pytest.mark.parametrize("rate", [0, -1, math.nan])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match="tokens_per_s must be greater than 0"):
        ScriptedLLM([], tokens_per_s=rate)


@pytest.mark.parametrize("wait_s", [-0.1, math.inf, math.nan])
def test_a_first_token_that_never_comes_is_refused(wait_s: float) -> None:
    with pytest.raises(ConfigError, match="first_token_s must be 0 or more, and finite"):
        ScriptedLLM([], first_token_s=wait_s)


@given(st.text())
def test_the_pieces_joined_are_the_text(text: str) -> None:
    pieces = _pieces(text)
    assert "".join(pieces) == text
    assert all(pieces)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Don't go, it's 3.50!", ["Don't", " go", ",", " it's", " 3.50", "!"]),
        ("At 10:30, well-known.", ["At", " 10:30", ",", " well-known", "."]),
        (" two  spaces ", [" two", "  spaces", " "]),
        ("“Hi” …", ["“", "Hi", "”", " …"]),
    ],
)
def test_words_keep_the_space_before_them_and_what_belongs_to_them(text: str, pieces: list[str]) -> None:
    assert _pieces(text) == pieces


WEATHER = ScriptedLLM(
    [
        Rule(r"weather in (?P<town>\w+)", "Let me see.", calls=[ScriptedCall("look", {"town": "{town}", "days": 2})]),
        Rule("both", "", calls=[ScriptedCall("look", {"town": "Rome"}), ScriptedCall("go")]),
        Rule("(?P<sky>rain|sun)", "It will be {sky}.", after="look"),
        Rule("", "There.", after="go"),
    ],
    tokens_per_s=10,
)


async def test_a_script_can_call_tools_after_what_it_says() -> None:
    items = await ask(WEATHER, user("the weather in Oslo please"))
    assert items == [
        *(TextDelta(piece) for piece in ("Let", " me", " see", ".")),
        ToolCall("call_1", "look", '{"town": "Oslo", "days": 2}'),
        Usage(5, 5),
    ]


async def test_a_script_that_only_calls_does_so_after_its_first_token_time() -> None:
    start = trio.current_time()
    items = await ask(WEATHER, user("both"))
    assert items == [
        ToolCall("call_1", "look", '{"town": "Rome"}'),
        ToolCall("call_2", "go", "{}"),
        Usage(1, 2),
    ]
    assert trio.current_time() - start == pytest.approx(0.2 + 0.1)


async def test_a_script_answers_to_results_by_the_tool_and_its_text() -> None:
    look, go = ToolCall("call_1", "look", "{}"), ToolCall("call_2", "go", "{}")
    asked = [*user("both"), Message("assistant", "", tool_calls=(look, go))]
    results = [Message("tool", "sun", tool_call_id="call_1"), Message("tool", "went", tool_call_id="call_2")]
    assert await say(WEATHER, [*asked, *results]) == "It will be sun."
    fog = Message("tool", "fog", tool_call_id="call_1")
    assert await say(WEATHER, [*asked, fog, results[1]]) == "There."
    with pytest.raises(ProviderError, match="no rule for the result 'fog' of look, and no fallback"):
        await say(WEATHER, [*user("both"), Message("assistant", "", tool_calls=(look,)), fog])
    # The user's next words are answered as ever, and ids go on.
    items = await ask(WEATHER, [*asked, *results, *user("both")])
    assert [item.id for item in items if isinstance(item, ToolCall)] == ["call_3", "call_4"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (ScriptedCall(""), r"rules\[0\].calls\[0\].tool must not be empty"),
        (ScriptedCall("look", {"at": "{place}"}), r"rules\[0\].calls\[0\].arguments.at: unknown field {place}"),
    ],
)
def test_a_call_that_cannot_be_made_is_refused(call: ScriptedCall, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ScriptedLLM([Rule("", "", calls=[call])])
