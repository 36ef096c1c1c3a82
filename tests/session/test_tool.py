"""From a function to a tool: what the model is told, what the function is given, what is refused."""

import contextlib
import functools
from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnscope._errors import ConfigError
from turnscope.session import Tool, ToolContext, tool
from turnscope.session._tool_shape import BadArguments, read_docstring


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


@dataclass
class Item:
    name: str
    count: int = 1


@tool
async def order(  # noqa: D417 -- as people write them
    context: ToolContext,
    items: list[Item],
    size: Size,
    milk: Literal["oat", "cow"] | None = None,
    tip: Annotated[float, msgspec.Meta(ge=0)] = 0.0,
    note: str = "none",
) -> str:
    """Place an order
    in the kitchen.

    Orders are made at once.

    Args:
        context: Not for the model.
        items (list): What is ordered,
            one entry for each thing.
        size: How large.

            Large is half as much again.
        note: For the kitchen: allergies and the like.

    Returns:
        A number.
    """  # noqa: D205 -- as people write them
    return ""


def test_a_model_is_told_the_name_the_summary_and_a_schema_of_the_parameters() -> None:
    spec = order.spec
    assert spec.name == "order"
    assert spec.description == "Place an order in the kitchen.\n\nOrders are made at once."
    assert spec.parameters == {
        "type": "object",
        "properties": {
            "items": {
                "type": "array",
                "items": {"$ref": "#/$defs/Item"},
                "description": "What is ordered, one entry for each thing.",
            },
            "size": {"$ref": "#/$defs/Size", "description": "How large. Large is half as much again."},
            "milk": {"anyOf": [{"enum": ["cow", "oat"]}, {"type": "null"}]},
            "tip": {"type": "number", "minimum": 0, "default": 0.0},
            "note": {"type": "string", "description": "For the kitchen: allergies and the like.", "default": "none"},
        },
        "required": ["items", "size"],
        "additionalProperties": False,
        "$defs": {
            "Item": {
                "title": "Item",
                "type": "object",
                "properties": {"name": {"type": "string"}, "count": {"type": "integer", "default": 1}},
                "required": ["name"],
            },
            "Size": {"title": "Size", "enum": ["large", "small"]},
        },
    }


def test_arguments_are_given_as_the_declared_types_and_defaults_are_the_functions_own() -> None:
    read = order.read('{"items": [{"name": "tea"}, {"name": "cake", "count": 2}], "size": "large", "milk": null}')
    assert read == {"items": [Item("tea"), Item("cake", 2)], "size": Size.LARGE, "milk": None}


@pytest.mark.parametrize("text", ["", "  ", "{}"])
def test_no_arguments_may_be_written_as_nothing(text: str) -> None:
    def ping() -> str:
        """Say pong."""
        return "pong"

    assert Tool(ping).read(text) == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "Input data was truncated"),
        ("[]", "Expected `object`, got `array`"),
        ('{"items": [], "size": "medium"}', "Invalid enum value 'medium' - at `$.size`"),
        ('{"items": [{"name": 1}], "size": "small"}', "Expected `str`, got `int` - at `$.items[0].name`"),
        ('{"items": [], "size": "small", "tip": -1}', "Expected `float` >= 0.0 - at `$.tip`"),
        ('{"items": [], "size": "small", "rush": true}', "Object contains unknown field `rush`"),
        ('{"items": "\ud800"}', "surrogates not allowed"),
    ],
)
def test_what_is_wrong_with_arguments_is_said(text: str, told: str) -> None:
    with pytest.raises(BadArguments) as caught:
        order.read(text)
    assert told in str(caught.value)


@given(st.text(max_size=40) | st.recursive(st.none() | st.integers(), lambda x: st.lists(x)).map(str))
def test_whatever_a_model_writes_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadArguments):
        order.read(text)


@tool(name="look-up", description="Look it up.", on_interruption="detach", timeout_s=3)
def look(what: str) -> str:
    return what


def test_what_the_decorator_is_told_wins_over_the_function() -> None:
    assert (look.spec.name, look.spec.description, look.on_interruption, look.timeout_s) == (
        "look-up",
        "Look it up.",
        "detach",
        3,
    )
    assert look.function("x") == "x"
    assert repr(look) == "<Tool 'look-up'>"


class Counter:
    """Counts."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, amount: int) -> int:
        """Add it."""
        self.count += amount
        return self.count

    async def __call__(self, amount: int) -> int:
        return amount


def test_methods_objects_and_partial_functions_can_be_tools() -> None:
    counter = Counter()
    assert Tool(counter.add).spec.parameters["required"] == ["amount"]
    assert Tool(counter).name == "Counter"
    partial = functools.partial(look.function, what="tea")
    assert Tool(partial, name="tea").spec.parameters["properties"] == {"what": {"type": "string", "default": "tea"}}


# What is refused


def no_annotation(what) -> str:  # type: ignore[no-untyped-def]
    return str(what)


def positional(what: str, /) -> str:
    return what


def many(*what: str) -> str:
    return "".join(what)


def others(**what: str) -> str:
    return "".join(what)


def odd(what: complex) -> str:
    return str(what)


def two(one: ToolContext, other: ToolContext) -> str:
    return ""


def generates() -> Generator[int]:
    yield 1


def unknown(what: "Nowhere") -> str:  # type: ignore[name-defined]  # noqa: F821
    return ""


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_annotation, "tool no_annotation: the parameter what needs a type annotation"),
        (positional, "tool positional: the parameter what must be one that can be given by name"),
        (many, "tool many: the parameter what must be one that can be given by name"),
        (others, "tool others: the parameter what must be one that can be given by name"),
        (odd, "tool odd: the parameter what has a type that JSON cannot hold: type <class 'complex'> is not supported"),
        (two, "tool two: one and other are both a ToolContext"),
        (generates, "tool generates: a function with `yield` cannot be a tool"),
        (unknown, "tool unknown: the signature cannot be read: name 'Nowhere' is not defined"),
        (lambda: 1, "name of a tool must be 1 to 64 letters, digits, _ or -; got '<lambda>'"),
        (3, "a tool must be a function, got int"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_refused(function: Callable[..., object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Tool(function)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "no spaces"}, "name of a tool must be 1 to 64 letters, digits, _ or -; got 'no spaces'"),
        ({"on_interruption": "ignore"}, "tool look: on_interruption must be one of cancel, finish_discard"),
        ({"keep_s": 0}, "tool look: keep_s must be positive, got 0"),
        ({"timeout_s": -1}, "tool look: timeout_s must be positive, got -1"),
        ({"timeout_s": float("inf")}, "tool look: timeout_s must be positive, got inf"),
        ({"announce": True}, 'tool look: announce needs on_interruption="detach"'),
        ({"cost_s": -1}, "tool look: cost_s must be 0 or more, got -1"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Tool(look.function, **settings)
    assert str(caught.value).startswith(message)


def test_a_docstring_without_sections_is_all_summary() -> None:
    assert read_docstring("Do it.") == ("Do it.", {})
    assert read_docstring("") == ("", {})
    assert read_docstring("Returns:\n    x: no argument") == ("", {})
