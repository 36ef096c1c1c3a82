"""Tools that do nothing but take their time and give what a file says, to test what interruptions do to them."""

import inspect
import keyword
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import trio

from turnscope._errors import ConfigError
from turnscope.session import OnInterruption, Tool, ToolContext

__all__ = ["ToolTable", "make_tool"]

ParameterType = Literal["string", "integer", "number", "boolean"]

_TYPES: dict[str, type] = {"string": str, "integer": int, "number": float, "boolean": bool}
_CONTEXT = "turnscope_context"
"""The parameter that is filled in by the session; no table has one of this name."""


class ToolTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One table of ``[[agent.tools]]``.

    Attributes:
        name: What the model calls it by.
        description: What the model is told of it.
        parameters: The type of each, or a list of the texts that it may be.
        result: What it gives. In a text, ``{name}`` stands for an argument.
        fails: It fails with this message instead.
        duration_s: How long it takes.
        commits_after_s: After so long, it says that there is something that cannot be undone.
        ends_call: The agent hangs up after the reply that follows.
        on_interruption: As for `Tool`, and so are the others.
    """

    name: str
    description: str = ""
    parameters: dict[str, ParameterType | list[str]] = {}
    result: Any = "Done."
    fails: str | None = None
    duration_s: float = 0.0
    commits_after_s: float | None = None
    ends_call: bool = False
    on_interruption: OnInterruption = "cancel"
    keep_s: float = 2.0
    timeout_s: float | None = None
    announce: bool = False


def make_tool(table: ToolTable, key: str) -> Tool:
    """The tool that `table`, at the key path `key`, describes.

    Raises:
        ConfigError: Something in it is wrong. The message begins with the key path.
    """
    _check(table, key)

    async def function(**arguments: Any) -> object:
        context: ToolContext = arguments.pop(_CONTEXT)
        begun = trio.current_time()
        if table.commits_after_s is not None:
            await trio.sleep_until(begun + table.commits_after_s)
            context.committed()
        await trio.sleep_until(begun + table.duration_s)
        if table.fails is not None:
            raise ScriptedFailure(table.fails)
        if table.ends_call:
            context.end_conversation()
        return table.result.format_map(arguments) if isinstance(table.result, str) else table.result

    function.__signature__ = _signature(table, key)  # type: ignore[attr-defined]
    try:
        return Tool(
            function,
            name=table.name,
            description=table.description,
            on_interruption=table.on_interruption,
            keep_s=table.keep_s,
            timeout_s=table.timeout_s,
            announce=table.announce,
        )
    except ConfigError as error:
        raise ConfigError(f"{key}: {str(error).removeprefix(f'tool {table.name}: ')}") from error


class ScriptedFailure(Exception):
    """A tool fails because its table says so."""


def _check(table: ToolTable, key: str) -> None:
    for name in ("duration_s", "commits_after_s"):
        value = getattr(table, name)
        if value is not None and not 0 <= value < float("inf"):
            raise ConfigError(f"{key}.{name}: must be 0 or more, and finite, got {value:g}")
    if table.commits_after_s is not None and table.commits_after_s > table.duration_s:
        raise ConfigError(f"{key}.commits_after_s: must not be after duration_s ({table.duration_s:g})")
    if isinstance(table.result, str):
        examples: Mapping[str, object] = dict.fromkeys(table.parameters, "")
        try:
            table.result.format_map(examples)
        except (KeyError, ValueError, IndexError, AttributeError) as error:
            known = ", ".join(table.parameters) or "none"
            raise ConfigError(f"{key}.result: cannot be filled in ({error}); parameters: {known}") from error


def _signature(table: ToolTable, key: str) -> inspect.Signature:
    parameters = [inspect.Parameter(_CONTEXT, inspect.Parameter.KEYWORD_ONLY, annotation=ToolContext)]
    for name, kind in table.parameters.items():
        if not name.isidentifier() or keyword.iskeyword(name) or name == _CONTEXT:
            raise ConfigError(f"{key}.parameters.{name}: must be a name of letters, digits and _")
        if isinstance(kind, list) and not kind:
            raise ConfigError(f"{key}.parameters.{name}: must have at least one text")
        annotation: Any = Literal[tuple(kind)] if isinstance(kind, list) else _TYPES[kind]
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation))
    return inspect.Signature(parameters)
