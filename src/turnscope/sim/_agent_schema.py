"""The part of the JSON Schema of scenario files that is about the agent: made from the classes that its keys make."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from turnscope.providers import InterruptionDetector
from turnscope.session import Agent, Tool
from turnscope.sim._agent_table import CHOICES, SHORT_POLICIES, Choice, short_policies

__all__ = ["AgentSchema", "Json", "described"]

Json = dict[str, Any]

_SECTION = re.compile(r"^(?:Args|Attributes):\n((?:(?: +.*)?\n)*)", re.MULTILINE)
_ENTRY = re.compile(r"^ {4}(\w+): *((?:.*)(?:\n {8}.*)*)", re.MULTILINE)


class AgentSchema:
    """Describes what a table ``[agent]`` may hold, the way in which `make_agent` reads it.

    Args:
        tool: The schema of a table of ``[[agent.tools]]``.
    """

    def __init__(self, tool: Json) -> None:
        self.definitions: dict[str, Json] = {}
        """Of every class that a table stands for, by its name."""
        self._tool = tool

    def agent(self) -> Json:
        """An agent: a table, or the name of a factory."""
        made = self._table(Choice(Agent), "Agent")
        definition = self.definitions["Agent"]
        definition["properties"]["factory"] = {"type": "string", "description": "The agent of the user's own code."}
        definition["anyOf"] = [{"required": ["llm"]}, {"required": ["factory"]}]
        del definition["required"]
        return {"anyOf": [{"type": "string"}, made]}

    def _table(self, choice: Choice, name: str, chosen_by: tuple[str, str] | None = None) -> Json:
        """A reference to the table that makes `choice`; `chosen_by` is the key that names it, and the name."""
        if name not in self.definitions:
            self.definitions[name] = {}  # a policy may hold policies
            self.definitions[name] = self._object(choice, chosen_by)
        return {"$ref": f"#/$defs/{name}"}

    def _object(self, choice: Choice, chosen_by: tuple[str, str] | None) -> Json:
        hints, help_ = get_type_hints(choice.make.__init__), described(choice.make)
        properties: Json = {}
        required: list[str] = []
        if chosen_by is not None:
            properties[chosen_by[0]] = {"const": chosen_by[1]}
            required.append(chosen_by[0])
        for name, parameter in inspect.signature(choice.make).parameters.items():
            schema = None if name in choice.refused else self._value(hints[name])
            if schema is None:
                continue
            properties[name] = {**schema, **({"description": help_[name]} if name in help_ else {})}
            if parameter.default is inspect.Parameter.empty:
                required.append(name)
        for name, policy in short_policies(hints).items():
            says = f'Short for a policy with kind = "{SHORT_POLICIES[name]}" and this number.'
            properties[name] = {**(self._value(get_type_hints(policy.make)[name]) or {}), "description": says}
        for name in choice.from_environment:
            properties[name] = {"type": "string", "description": "Name of the environment variable that holds it."}
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    def _value(self, hint: Any) -> Json | None:
        """What may stand for a value of a type; None where nothing can."""
        if hint in CHOICES:
            return self._choice(*CHOICES[hint])
        if hint == Sequence[Tool]:
            return {"type": "array", "items": self._tool}
        if InterruptionDetector in get_args(hint):
            by_name: Json = {"enum": ["auto", "none"]}
            return {"anyOf": [by_name, self._choice(*CHOICES[InterruptionDetector])]}
        if get_origin(hint) in (Union, UnionType):
            parts = [self._value(part) for part in get_args(hint) if part is not NoneType]
            known = [part for part in parts if part is not None]
            return known[0] if len(known) == 1 else {"anyOf": known} if known else None
        if get_origin(hint) is Callable or (isinstance(hint, type) and _only_code(hint)):
            return None
        if hint is Path:
            return {"type": "string"}
        if hint == frozenset[str]:
            return {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]}
        if isinstance(hint, type) and is_dataclass(hint):
            return self._table(Choice(hint), hint.__name__)
        if get_origin(hint) in (Sequence, tuple, list):
            item = self._value(get_args(hint)[0])
            return None if item is None else {"type": "array", "items": item}
        return _plain(hint)

    def _choice(self, key: str, choices: Mapping[str, Choice]) -> Json:
        made = [self._table(choice, choice.make.__name__, (key, name)) for name, choice in choices.items()]
        return {"anyOf": made}


def described(kind: type[object]) -> dict[str, str]:
    """What a docstring in Google's style says of the arguments or attributes of a class."""
    found = _SECTION.search(f"{inspect.getdoc(kind) or ''}\n")
    entries = _ENTRY.findall(found[1]) if found else []
    return {name: " ".join(text.replace("``", '"').replace("`", "").split()) for name, text in entries}


def _only_code(kind: type) -> bool:
    """A protocol can only be met by code."""
    return bool(getattr(kind, "_is_protocol", False))


def _plain(hint: Any) -> Json:
    """A type that needs no class: a number, text, a choice of texts, a table of them."""
    if get_origin(hint) is Literal:
        return {"enum": list(get_args(hint))}
    if get_origin(hint) in (dict, Mapping) or hint is Any:
        return {}
    schema: Json = msgspec.json.schema(hint)
    return schema
