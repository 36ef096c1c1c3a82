"""The picture in the README is what the demo draws today."""

import re
from itertools import zip_longest
from pathlib import Path

import pytest

from turnscope.cli import main

ROOT = Path(__file__).parent.parent.parent
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def words_of(svg: str) -> list[str]:
    """Its texts, in order."""
    return re.findall(r"<text[^>]*>([^<]*)", svg)


def moved_furthest(svg: str, other: str) -> float:
    """How far apart, in pixels, two numbers are that stand at the same place of two pictures."""
    pairs = zip_longest(NUMBER.findall(svg), NUMBER.findall(other), fillvalue="inf")
    return max(abs(float(first) - float(second)) for first, second in pairs)


@pytest.mark.models
def test_the_picture_is_what_the_demo_draws(tmp_path: Path) -> None:
    """On the machine that drew it, to the byte; on another, sums round differently, which moves a line by a hair."""
    assert (
        main(["simulate", str(ROOT / "examples/barge_in/barge_in.scenario.toml"), "--out", str(tmp_path), "--quiet"])
        == 0
    )
    committed = (ROOT / "docs/barge_in.svg").read_text(encoding="utf-8")
    drawn = (tmp_path / "timeline.svg").read_text(encoding="utf-8")
    assert words_of(drawn) == words_of(committed)
    assert drawn == committed or moved_furthest(drawn, committed) <= 1.0


def test_a_picture_that_has_changed_would_be_noticed() -> None:
    assert words_of("<text x='1'>yield +44 ms</text>") != words_of("<text x='1'>yield +45 ms</text>")
    assert moved_furthest("<line x='10.5'/>", "<line x='12'/>") == 1.5
    assert moved_furthest("<line x='10'/>", "<line x='10' y='1'/>") == float("inf")
