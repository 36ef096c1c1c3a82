from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.observe.calls import barge_in, held, overlap, repeated, say
from turnscope.core import AttemptStarted
from turnscope.observe import timeline_svg
from turnscope.observe._flags import place_flags
from turnscope.observe._picture import Mark, Phrase
from turnscope.observe._spans import Span
from turnscope.observe._svg import text_width
from turnscope.observe._wordlines import lay_out_words
from turnscope.sim import Call, HangUp, Moment

SVG = "{http://www.w3.org/2000/svg}"


def drawn(call: Call, title: str = "A call") -> ElementTree.Element:
    return ElementTree.fromstring(timeline_svg(call.events, call.user, call.agent, title))


def texts(image: ElementTree.Element) -> list[ElementTree.Element]:
    return list(image.iter(f"{SVG}text"))


def box(text: ElementTree.Element) -> tuple[float, float, float, float]:
    size = float(text.get("font-size", "0"))
    width = text_width(text.text or "", size)
    x, y = float(text.get("x", "0")), float(text.get("y", "0"))
    left = x - {"end": width, "middle": width / 2}.get(text.get("text-anchor", "start"), 0.0)
    return left, left + width, y - 0.8 * size, y + 0.2 * size


def covering(image: ElementTree.Element) -> list[tuple[str | None, str | None]]:
    found = []
    boxes = [(text.text, *box(text)) for text in texts(image)]
    for index, (one, left, right, top, bottom) in enumerate(boxes):
        for other, left2, right2, top2, bottom2 in boxes[:index]:
            if left + 1 < right2 and left2 + 1 < right and top + 1 < bottom2 and top2 + 1 < bottom:
                found.append((one, other))
    return found


def test_the_same_call_gives_the_same_image_without_scripts_or_links() -> None:
    call = barge_in()
    image = timeline_svg(call.events, call.user, call.agent, "A call")
    assert image == timeline_svg(call.events, call.user, call.agent, "A call")
    assert {element.tag for element in drawn(call).iter()} <= {
        f"{SVG}{tag}" for tag in ("svg", "title", "rect", "line", "text", "path")
    }
    assert "href" not in image
    assert "url(" not in image


def test_it_marks_the_moments_of_an_interruption() -> None:
    labels = [text.text for text in texts(drawn(barge_in()))]
    for label in ("onset 4.69 s", "yield +50 ms", "silence +110 ms", "decision +680 ms"):
        assert labels.count(label) == 1


def test_words_that_were_heard_are_plain_and_the_others_are_struck() -> None:
    image = drawn(barge_in())
    struck = " ".join(text.text or "" for text in texts(image)[10:] if text.get("text-decoration") == "line-through")
    plain = [text.text for text in texts(image)[10:] if text.get("text-decoration") is None]
    assert struck.endswith("lattes and one large mocha with oat milk, that will be ready in ten minutes.")
    assert [word for word in plain if word in ("Your", "order", "is", "two")][-4:] == ["Your", "order", "is", "two"]
    assert "mocha" not in plain


def test_an_overlap_is_labelled() -> None:
    labels = [text.text or "" for text in texts(drawn(overlap()))]
    assert any(label.startswith("overlap: backchannel, resumed +") for label in labels)
    assert "(no words)" in labels


def test_no_text_covers_another() -> None:
    long = held(
        say("mhm", 1.2, "agent_starts"),
        say("wait make it three", 0.9, "previous"),
        say("coffee again", 1.0, "agent_stops"),
        say("no stop", 0.8, "agent_starts"),
        say("coffee coffee", 0.7, "agent_stops"),
        say("thank you very much", 2.0, "agent_starts"),
        HangUp(Moment(1.0, "agent_stops")),
    )
    assert [turn.outcome.kind for turn in long.turns if turn.outcome].count("interrupted") >= 3
    for call in (barge_in(), overlap(), long):
        assert covering(drawn(call)) == []


def test_texts_are_escaped_and_what_xml_forbids_is_left_out() -> None:
    call = barge_in()
    events = [
        replace(event, text="<b>&\x00\x1b two ]]>") if isinstance(event, AttemptStarted) else event
        for event in call.events
    ]
    image = ElementTree.fromstring(timeline_svg(events, call.user, call.agent, 'a "<title>" & more'))
    assert image.findtext(f"{SVG}title") == 'a "<title>" & more'
    assert "<b>&" in [text.text for text in texts(image)]


def test_an_hour_fits_into_an_image_of_bounded_size() -> None:
    events, user, agent = repeated(barge_in(), 450)
    assert len(user) / 16000 > 3600
    hour = timeline_svg(events, user, agent, "An hour")
    assert len(hour) < 800_000
    image = ElementTree.fromstring(hour)
    assert [text.text for text in texts(image)].count("state") == 12
    assert float(image.get("height", "0")) < 6000


def test_nothing_at_all_can_be_drawn() -> None:
    nothing = np.zeros(0, np.float32)
    assert ElementTree.fromstring(timeline_svg([], nothing, nothing)).tag == f"{SVG}svg"


# Places for labels and words


@given(st.lists(st.lists(st.integers(0, 1000), min_size=1, max_size=4), max_size=8))
def test_no_label_covers_a_label_or_a_line_of_its_own_group(samples: list[list[int]]) -> None:
    groups = [[Mark(sample, "onset", "x" * 10) for sample in sorted(group)] for group in sorted(samples, key=min)]
    flags, left_over = place_flags(groups, float, lambda label: 10.0 * len(label), (0.0, 1000.0), 12)
    assert len(flags) + len(left_over) == sum(map(len, groups))
    for index, one in enumerate(flags):
        assert 0 <= one.left < one.right <= 1000
        assert one.row < 12
        for other in flags[:index]:
            assert one.row != other.row or one.right <= other.left or other.right <= one.left
        group = next(group for group in groups if any(mark is one.mark for mark in group))
        stems = [flag for flag in flags if flag.row < one.row and any(flag.mark is mark for mark in group)]
        assert not [flag for flag in stems if one.left < flag.x < one.right]


@example([(900, 101, "a ab ab babab bb a ab abbbbaaababb b a a a", "")])
@example([(900, 98, "a ab bbabab b a aabbaaaaaa b ab aa", "cd dc")])
@given(
    st.lists(
        st.tuples(st.integers(0, 900), st.integers(1, 400), st.text("ab ", max_size=60), st.text("cd ", max_size=120)),
        max_size=6,
    )
)
def test_no_word_covers_another_word_of_its_voice(spoken: list[tuple[int, int, str, str]]) -> None:
    phrases = [
        Phrase(start, start + length, "agent", 1, heard, unheard, (Span(start, start + length),))
        for start, length, heard, unheard in sorted(spoken)
    ]
    pieces = lay_out_words(phrases, "agent", Span(0, 1000), float, 12.0, (0.0, 1000.0))
    for index, one in enumerate(pieces):
        assert one.x >= 0
        for other in pieces[:index]:
            if one.line == other.line:
                left, right = sorted((one, other), key=lambda piece: piece.x)
                assert left.x + text_width(left.text, 12.0) <= right.x


@pytest.mark.parametrize("length", [1, 7, 15_999, 16_001])
def test_a_call_of_odd_length_is_drawn(length: int) -> None:
    track = np.ones(length, np.float32)
    assert "<path" in timeline_svg([], track, track)


def test_labels_at_the_right_edge_stand_left_of_their_lines_and_no_line_crosses_them() -> None:
    marks = [Mark(sample, "onset", "x" * 10) for sample in (900, 940, 990)]
    flags, left_over = place_flags([marks], float, lambda label: 10.0 * len(label), (0.0, 1000.0), 12)
    assert left_over == []
    placed = {flag.x: (flag.flipped, flag.row) for flag in flags}
    assert placed[990.0] == (True, 0)
    assert placed[940.0] == (True, 1)


def test_strips_follow_one_another_and_cover_the_call() -> None:
    events, user, agent = repeated(barge_in(), 4)
    image = ElementTree.fromstring(timeline_svg(events, user, agent))
    seconds = [text.text for text in texts(image) if text.get("font-size") == "10" and text.text]
    times = [float(label.removesuffix(" s")) for label in seconds if label.endswith(" s")]
    assert times == sorted(times)
    assert times[0] == 0
    assert times[-1] * 16000 >= len(user) - 8000
