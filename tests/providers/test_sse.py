import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnscope._errors import ProtocolError
from turnscope.providers._sse import ServerSentEvent, SSEParser


def parse(*chunks: bytes) -> list[ServerSentEvent]:
    parser = SSEParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def test_an_event_ends_at_a_blank_line() -> None:
    parser = SSEParser()
    assert parser.feed(b"data: one\n") == []
    assert parser.feed(b"\n") == [ServerSentEvent("one")]


def test_lines_of_data_are_joined_and_other_fields_dropped() -> None:
    assert parse(b"id: 7\nevent: error\nretry: 10\ndata: a\ndata\ndata:b\n\n") == [ServerSentEvent("a\n\nb", "error")]


def test_comments_and_events_without_data_are_nothing() -> None:
    assert parse(b": keep-alive\n\n:\n\nevent: ping\n\ndata: x\n\n") == [ServerSentEvent("x")]


def test_only_one_space_after_the_colon_belongs_to_the_format() -> None:
    assert parse(b"data:  x \n\n") == [ServerSentEvent(" x ")]


def test_a_mark_of_byte_order_is_not_text() -> None:
    assert parse(b"\xef\xbb\xbfdata: x\n\n") == [ServerSentEvent("x")]


def test_only_lf_and_cr_end_a_line() -> None:
    text = "a\u2028b\x0bc\x85d\x0ce"
    assert parse(f"data: {text}\n\n".encode()) == [ServerSentEvent(text)]


def test_what_the_end_leaves_unfinished_can_be_asked_for() -> None:
    parser = SSEParser()
    assert parser.feed(b"data: a\ndata: b") == []
    assert parser.finish() == [ServerSentEvent("a\nb")]
    assert parser.finish() == []


def test_an_event_without_end_is_refused() -> None:
    with pytest.raises(ProtocolError, match="larger than"):
        parse(*[b"data: " + b"x" * 100_000 + b"\n"] * 20)


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), max_size=4),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.data(),
)
def test_it_does_not_matter_where_the_bytes_are_cut(texts: list[str], end: str, data: st.DataObject) -> None:
    stream = "".join(f": x{end}data: {text}{end}{end}" for text in texts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert parse(*chunks) == [ServerSentEvent(text) for text in texts]
