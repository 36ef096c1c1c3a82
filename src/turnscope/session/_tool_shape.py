"""What a function's signature and docstring say about it as a tool: a schema for the model, a reader of arguments."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union

import msgspec

from turnscope._errors import ConfigError
from turnscope.session._tool_context import ToolContext

__all__ = ["BadArguments", "ToolShape", "shape_of"]

_SECTION = re.compile(r"(Args|Arguments|Parameters|Returns|Raises|Yields|Note|Notes|Example|Examples|Attributes):")
_ARGUMENT = re.compile(r"(\w+)(?: \(.*?\))?: *(.*)")
_SHOWN_DEFAULTS = (str, int, float, bool)


class BadArguments(Exception):
    """What the model has written is not what the tool takes; the message says why, for the model to read."""


@dataclass(frozen=True, slots=True)
class ToolShape:
    """A function, as far as its calls need it.

    Attributes:
        summary: What its docstring says before the first section.
        parameters: JSON Schema of the object with its arguments.
        context: The name of the parameter that is a `ToolContext`, if it has one.
    """

    summary: str
    parameters: Mapping[str, object]
    context: str | None
    _arguments: type[msgspec.Struct]

    def read(self, text: str) -> dict[str, object]:
        """The arguments in `text`, by name; those that are left out are left to the function's defaults.

        Raises:
            BadArguments: They are not JSON, or not of the types that the function declares.
        """
        try:
            found = msgspec.json.decode(text.strip() or "{}", type=self._arguments)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise BadArguments(str(error)) from error
        named = {name: getattr(found, name) for name in self._arguments.__struct_fields__}
        return {name: value for name, value in named.items() if value is not msgspec.UNSET}


def shape_of(function: Callable[..., object], where: str) -> ToolShape:
    """Read a function's signature and docstring.

    Args:
        function: Its parameters must be annotated with types that JSON can hold, as msgspec knows them.
        where: Names the tool in complaints.

    Raises:
        ConfigError: A parameter has no annotation or one that no model could fill in.
    """
    try:
        signature = inspect.signature(function, eval_str=True)
    except (NameError, TypeError, ValueError, SyntaxError) as error:
        raise ConfigError(f"{where}: the signature cannot be read: {error}") from error
    summary, described = read_docstring(inspect.getdoc(function) or "")
    contexts = [name for name, parameter in signature.parameters.items() if parameter.annotation is ToolContext]
    if len(contexts) > 1:
        raise ConfigError(f"{where}: {' and '.join(contexts)} are both a ToolContext; there is one for each call")
    fields = [
        _field(f"{where}: the parameter {name}", parameter, described.get(name, ""))
        for name, parameter in signature.parameters.items()
        if name not in contexts
    ]
    arguments = msgspec.defstruct("Arguments", fields, kw_only=True, forbid_unknown_fields=True)
    return ToolShape(summary, _schema(arguments), contexts[0] if contexts else None, arguments)


def _field(where: str, parameter: inspect.Parameter, description: str) -> tuple[str, Any, Any]:
    """A parameter as a field of a struct."""
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise ConfigError(f"{where} must be one that can be given by name, not *{parameter.name} or positional only")
    if parameter.annotation is parameter.empty:
        raise ConfigError(f"{where} needs a type annotation: the model is told it, and arguments are checked by it")
    try:
        msgspec.json.schema(parameter.annotation)
    except (TypeError, ValueError, RecursionError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise ConfigError(f"{where} has a type that JSON cannot hold: {reason}") from error
    kind, extra = parameter.annotation, None
    default: object = msgspec.NODEFAULT
    if parameter.default is not parameter.empty:
        kind, default = Union[kind, msgspec.UnsetType], msgspec.UNSET  # noqa: UP007 -- `kind` may be of any make
        extra = {"default": parameter.default} if isinstance(parameter.default, _SHOWN_DEFAULTS) else None
    meta = msgspec.Meta(description=description or None, extra_json_schema=extra)
    return parameter.name, Annotated[kind, meta], default


def _schema(arguments: type[msgspec.Struct]) -> dict[str, object]:
    (root,), components = msgspec.json.schema_components([arguments], ref_template="#/$defs/{name}")
    schema: dict[str, object] = components.pop(root["$ref"].rpartition("/")[2])
    del schema["title"]
    if components:
        schema["$defs"] = components
    return schema


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """What a docstring in Google's style says before its first section, and about each argument."""
    summary: list[str] = []
    described: dict[str, str] = {}
    section = name = ""
    for line in text.splitlines():
        if found := _SECTION.fullmatch(line):
            section, name = found[1], ""
        elif not section:
            summary.append(line)
        elif section in ("Args", "Arguments", "Parameters"):
            indent = len(line) - len(line.lstrip())
            if indent <= 4 and (found := _ARGUMENT.fullmatch(line.strip())):
                name = found[1]
                described[name] = found[2]
            elif name and line.strip():
                described[name] = f"{described[name]} {line.strip()}".strip()
    paragraphs = "\n".join(summary).strip().split("\n\n")
    return "\n\n".join(" ".join(part.split()) for part in paragraphs), described
