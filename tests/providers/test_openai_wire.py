import json
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers._chat_server import chunk, event
from turnscope.core import Message, ToolCall
from turnscope.providers._openai_wire import AnswerReader, ModelFailure, error_message, request_body, shorten
from turnscope.providers._protocols import LLMItem, TextDelta, ToolSpec, Usage

DONE = "data: [DONE]\n\n"


def read(*parts: str | bytes) -> list[LLMItem]:
    reader = AnswerReader()
    items: deque[LLMItem] = deque()
    for part in parts:
        reader.feed(part.encode() if isinstance(part, str) else part, items)
    reader.finish(items)
    return list(items)


def said(*parts: str) -> str:
    return "".join(item.text for item in read(*parts) if isinstance(item, TextDelta))


def test_an_answer_as_openai_sends_it() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11, "prompt_tokens_details": {}}
    parts = (
        chunk("", role="assistant", usage=None),
        chunk("Hel", usage=None),
        chunk("lo", usage=None),
        chunk(finish="stop", usage=None),
        event({"choices": [], "usage": usage}),
        DONE,
    )
    assert read(*parts) == [TextDelta("Hel"), TextDelta("lo"), Usage(9, 2)]


@pytest.mark.parametrize(
    "part",
    [
        event({"id": "x"}),
        event({"choices": None}),
        event({"choices": [{"index": 0}]}),
        event({"choices": [{"index": 0, "delta": None, "finish_reason": None}]}),
        event({"choices": [{"index": 0, "delta": {"content": None, "reasoning_content": "Hm"}}]}),
        event({"choices": [{"index": 0, "delta": {"content": [{"type": "thinking", "thinking": "Hm"}]}}]}),
        event({"choices": [{"index": 1, "delta": {"content": "another choice"}, "finish_reason": "length"}]}),
        event({"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}),
        event({"choices": [], "usage": {}}),
        event({"error": None, "choices": []}),
        ": OPENROUTER PROCESSING\n\n",
        "event: ping\n\n",
    ],
)
def test_what_other_servers_put_in_between_is_no_text(part: str) -> None:
    assert said(part, chunk("a"), part, chunk("b", finish="stop"), part, DONE) == "ab"


def test_usage_with_every_chunk_counts_once() -> None:
    parts = [chunk("a", usage={"prompt_tokens": 5, "completion_tokens": n}) for n in (1, 2)]
    assert read(*parts, chunk(finish="stop"), DONE)[-1] == Usage(5, 2)
    assert sum(isinstance(item, Usage) for item in read(*parts, chunk(finish="stop"), DONE)) == 1


def test_usage_may_be_incomplete() -> None:
    assert read(chunk("a", finish="stop"), event({"usage": {"completion_tokens": 3}}), DONE)[-1] == Usage(0, 3)


def test_a_refusal_of_the_model_is_what_it_says() -> None:
    assert said(event({"choices": [{"delta": {"refusal": "I cannot."}}]}), chunk(finish="stop")) == "I cannot."


def test_parts_of_type_text_are_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "thinking"}, {"type": "text", "text": "b"}]
    assert said(event({"choices": [{"delta": {"content": parts}}]}), chunk(finish="stop")) == "ab"


@pytest.mark.parametrize("end", [(chunk(finish="stop"),), (chunk(finish="length"), DONE), (DONE,), ("data: [DONE]",)])
def test_an_answer_may_end_in_any_of_these_ways(end: tuple[str, ...]) -> None:
    assert said(chunk("a"), *end) == "a"


@pytest.mark.parametrize("parts", [(), (chunk("a"),), (DONE,), (chunk("a"), 'data: {"choices": [{"fin')])
def test_an_answer_without_an_end_was_cut_short(parts: tuple[str, ...]) -> None:
    with pytest.raises(ModelFailure, match="cut short"):
        read(*parts)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (event({"error": {"message": "CUDA is out of memory", "code": 500}}), "CUDA is out of memory"),
        (event({"error": "overloaded"}), "overloaded"),
        (event({"object": "error", "message": "bad prompt", "code": 400}), "bad prompt"),
        ('event: error\ndata: {"message": "model unloaded"}\n\n', "model unloaded"),
        (event({"error": {"code": 502}, "choices": [{"delta": {"content": ""}}]}), "502"),
        (event({"choices": [{"delta": {}, "finish_reason": "error"}]}), "finish_reason 'error'"),
        (event({"choices": [{"delta": {}, "finish_reason": "content_filter"}]}), "finish_reason 'content_filter'"),
        (event({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}), "it calls no tool"),
        ("data: {\n\n", "not JSON"),
        ("data: 7\n\n", "not an object"),
        ("data: " + "[" * 100_000 + "\n\n", "not JSON"),
        (chunk("x" * 1_000_000), "longer than"),
    ],
)
def test_a_failure_in_the_middle_says_what_the_server_says(part: str, message: str) -> None:
    reader, items = AnswerReader(), deque[LLMItem]()
    with pytest.raises(ModelFailure, match=message):
        reader.feed((chunk("before") + part + part).encode(), items)
    assert items[0] == TextDelta("before")


def test_nothing_after_the_goodbye_is_read() -> None:
    assert said(chunk("a", finish="stop"), DONE, "data: garbage\n\n", chunk("b")) == "a"


@given(st.lists(st.text(min_size=1), max_size=5), st.data())
def test_it_does_not_matter_where_the_network_cuts_an_answer(texts: list[str], data: st.DataObject) -> None:
    stream = "".join([*map(chunk, texts), chunk(finish="stop"), DONE]).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reader, items = AnswerReader(), deque[LLMItem]()
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        reader.feed(stream[start:stop], items)
    reader.finish(items)
    assert list(items) == [TextDelta(text) for text in texts]


@given(st.binary(max_size=400))
def test_garbage_is_a_failure_and_nothing_else(garbage: bytes) -> None:
    with pytest.raises(ModelFailure):
        read(garbage)


KEYS = [
    *["choices", "delta", "content", "usage", "error", "index", "finish_reason", "type", "text"],
    *["tool_calls", "function", "arguments", "name", "id"],
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
)


@given(json_values)
def test_json_of_any_shape_is_an_answer_or_a_failure(value: object) -> None:
    reader, items = AnswerReader(), deque[LLMItem]()
    try:
        reader.feed(event({"choices": value, "usage": value}).encode(), items)
        reader.feed(event({"choices": [value]}).encode(), items)
        reader.feed(event({"choices": [{"delta": value}]}).encode(), items)
        reader.feed(event(value).encode(), items)
        reader.finish(items)
    except ModelFailure:
        pass
    assert all(isinstance(item, TextDelta | ToolCall | Usage) for item in items)


def test_only_what_was_heard_is_sent() -> None:
    messages = [
        Message("system", "Be brief."),
        Message("user", "Tell me a story."),
        Message("assistant", "Once upon", interrupted=True, unheard=" a time"),
        Message("user", "Stop."),
        Message("assistant", "", interrupted=True, unheard="Sure"),
        Message("user", ""),
    ]
    body = json.loads(request_body("m", messages, {}))
    assert body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Tell me a story."},
            {"role": "assistant", "content": "Once upon"},
            {"role": "user", "content": "Stop."},
            {"role": "user", "content": ""},
        ],
        "stream": True,
    }


@given(st.text())
def test_any_text_can_be_sent(text: str) -> None:
    body = json.loads(request_body("m", [Message("user", text)], {}))
    assert body["messages"][0]["content"] == text


def test_half_a_character_does_not_keep_a_message_from_being_sent() -> None:
    assert json.loads(request_body("m", [Message("user", "a\ud800b")], {}))["messages"][0]["content"] == "a?b"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"error": {"message": "No such model", "type": "not_found"}}', "No such model"),
        ('{"error": "model is loading"}', "model is loading"),
        ('{"object": "error", "message": "too long"}', "too long"),
        ('{"detail": "Not Found"}', "Not Found"),
        ('{"detail": [{"loc": ["body"], "msg": "extra"}]}', '[{"loc": ["body"], "msg": "extra"}]'),
        ('{"message": {"detail": [1]}}', "[1]"),
        ('{"error": {}}', '{"error": {}}'),
        ("<html>502</html>\n", "<html>502</html>"),
        ("", "(no message)"),
        ("[]", "(no message)"),
        ("\udcff", "\ufffd"),
    ],
)
def test_the_message_in_a_refusal_is_found(body: str, message: str) -> None:
    assert error_message(body.encode("utf-8", "surrogateescape")) == message


def test_a_long_message_becomes_one_short_line() -> None:
    assert shorten("a\n  b") == "a b"
    assert len(shorten("x" * 10_000)) == 301


# Tools


def delta(*pieces: dict[str, object], finish: str | None = None) -> str:
    return event({"choices": [{"index": 0, "delta": {"tool_calls": list(pieces)}, "finish_reason": finish}]})


def piece(index: int | None, identity: str | None, name: str | None, arguments: object) -> dict[str, object]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    found = {"index": index, "id": identity, "type": "function", "function": function}
    return {key: value for key, value in found.items() if value is not None}


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(
            [
                [piece(0, "a", "look", "")],
                [piece(0, None, None, '{"at":')],
                [piece(0, None, None, "1}")],
                [piece(1, "b", "go", "{}")],
            ],
            id="as OpenAI sends them",
        ),
        pytest.param([[piece(0, "a", "look", '{"at":1}'), piece(1, "b", "go", "{}")]], id="all at once"),
        pytest.param([[piece(None, "a", "look", '{"at":1}')], [piece(None, "b", "go", "{}")]], id="no index"),
        pytest.param(
            [[piece(None, "a", "look", '{"at"')], [piece(None, None, None, ":1}")], [piece(None, "b", "go", "{}")]],
            id="no index, in pieces",
        ),
        pytest.param([[piece(0, "a", "look", '{"at":1}')], [piece(0, "b", "go", "{}")]], id="every index is 0"),
        pytest.param([[piece(1, "a", "look", '{"at":1}')], [piece(2, "b", "go", "{}")]], id="counted from 1"),
        pytest.param(
            [[piece(0, "a", "look", '{"at"')], [piece(0, "a", "look", ":1}")], [piece(1, "b", "go", "{}")]],
            id="id and name repeated",
        ),
        pytest.param(
            [
                [piece(0, "a", "look", '{"at"')],
                [piece(1, "b", "go", "{")],
                [piece(0, None, None, ":1}")],
                [piece(1, None, None, "}")],
            ],
            id="in turns",
        ),
        pytest.param(
            [[piece(0, "a", None, None)], [piece(0, None, "look", '{"at":1}')], [piece(1, "b", "go", "{}")]],
            id="the id before the name",
        ),
    ],
)
@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
def test_tool_calls_are_put_together_however_a_server_cuts_them(
    pieces: list[list[dict[str, object]]], finish: str
) -> None:
    items = read(*(delta(*part) for part in pieces), chunk(finish=finish), DONE)
    assert items == [ToolCall("a", "look", '{"at":1}'), ToolCall("b", "go", "{}")]


def test_calls_without_ids_get_some_and_arguments_that_are_an_object_are_text_again() -> None:
    items = read(delta(piece(None, None, "look", {"at": 1})), delta(piece(None, None, "go", "")), chunk(finish="stop"))
    assert items == [ToolCall("call_0", "look", '{"at": 1}'), ToolCall("call_1", "go", "")]


def test_text_comes_before_the_calls_and_the_usage_after_them() -> None:
    usage = event({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}})
    items = read(chunk("One moment."), delta(piece(0, "a", "look", "{}"), finish="tool_calls"), usage, DONE)
    assert items == [TextDelta("One moment."), ToolCall("a", "look", "{}"), Usage(5, 2)]


def test_a_goodbye_is_an_end_of_an_answer_that_only_calls() -> None:
    assert read(delta(piece(0, "a", "look", "{}")), DONE) == [ToolCall("a", "look", "{}")]


def test_arguments_without_end_are_a_failure() -> None:
    with pytest.raises(ModelFailure, match="longer than"):
        read(delta(piece(0, "a", "look", "x" * 600_000)), delta(piece(0, None, None, "x" * 600_000)))


def test_tools_calls_and_results_are_written_as_the_api_has_them() -> None:
    schema = {"type": "object", "properties": {"at": {"type": "integer"}}}
    calls = (ToolCall("a", "look", '{"at": 1}'), ToolCall("b", "go", "north"))
    messages = [
        Message("user", "Look and go."),
        Message("assistant", "", tool_calls=calls),
        Message("tool", "a tree", tool_call_id="a"),
        Message("tool", "", tool_call_id="b"),
        Message("assistant", "", interrupted=True, unheard="A tree."),
        Message("assistant", "Again.", tool_calls=calls[:1]),
        Message("tool", "a tree", tool_call_id="a"),
    ]
    body = json.loads(request_body("m", messages, {}, [ToolSpec("look", "Look.", schema)]))
    assert body["tools"] == [
        {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": schema}}
    ]
    look = {"id": "a", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}
    assert body["messages"] == [
        {"role": "user", "content": "Look and go."},
        {
            "role": "assistant",
            "content": None,
            # What is no JSON object makes servers fail that read it.
            "tool_calls": [look, {"id": "b", "type": "function", "function": {"name": "go", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "a", "content": "a tree"},
        {"role": "tool", "tool_call_id": "b", "content": ""},
        {"role": "assistant", "content": "Again.", "tool_calls": [look]},
        {"role": "tool", "tool_call_id": "a", "content": "a tree"},
    ]


def test_without_tools_none_are_mentioned() -> None:
    assert "tools" not in json.loads(request_body("m", [], {}))
