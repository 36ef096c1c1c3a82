from xml.etree import ElementTree

import pytest

from state_diagram import state_diagram_svg

DOOR = [("open", "close", "closed"), ("closed", "open", "open"), ("closed", "knock", "closed")]
SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_every_state_is_named_once_and_every_trigger_in_its_row() -> None:
    assert texts(state_diagram_svg(DOOR)) == ["open", "closed", "close", "open", "knock"]


def test_every_transition_is_told_to_those_who_cannot_see_it() -> None:
    titles = [element.text for element in ElementTree.fromstring(state_diagram_svg(DOOR)).iter(f"{SVG}title")]
    assert titles[1:] == ["open → closed: close", "closed → open: open", "closed → closed: knock"]


def test_an_arrow_goes_from_one_state_to_the_other() -> None:
    root = ElementTree.fromstring(state_diagram_svg(DOOR))
    opened, closed = (float(box.attrib["x"]) + float(box.attrib["width"]) / 2 for box in root.iter(f"{SVG}rect"))
    for row, (start, stop) in zip(root.iter(f"{SVG}g"), [(opened, closed), (closed, opened)], strict=False):
        circle = row.find(f"{SVG}circle")
        head = row.findall(f"{SVG}path")[-1]
        assert circle is not None
        assert float(circle.attrib["cx"]) == pytest.approx(start, abs=0.1)
        assert float(head.attrib["d"].removeprefix("M").split(" ")[0]) == pytest.approx(stop, abs=0.1)


def test_the_same_table_gives_the_same_bytes_and_another_table_others() -> None:
    assert state_diagram_svg(DOOR) == state_diagram_svg(list(DOOR))
    assert state_diagram_svg(DOOR) != state_diagram_svg(DOOR[:2])


def test_names_cannot_break_the_picture() -> None:
    assert texts(state_diagram_svg([("a<b", "x & y", '"c"')])) == ["a<b", '"c"', "x & y"]


def test_states_stand_in_the_order_in_which_they_are_left_and_ends_come_last() -> None:
    rows = [("new", "end", "gone"), ("new", "start", "busy"), ("busy", "end", "gone")]
    assert texts(state_diagram_svg(rows))[:3] == ["new", "busy", "gone"]


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        state_diagram_svg([])
