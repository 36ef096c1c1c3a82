import json
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers._chat_server import chunk, event
from turnscope.core import Message
from turnscope.providers._openai_wire import AnswerReader, ModelFailure, error_message, request_body, shorten
from turnscope.providers._protocols import LLMItem, TextDelta, Usage

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
        (event({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}), "calls a tool"),
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


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "delta", "content", "usage", "error", "index", "finish_reason", "type", "text"]
            ),
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
    assert all(isinstance(item, TextDelta | Usage) for item in items)


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
