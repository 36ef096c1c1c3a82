"""The JSON Schema of scenario files, for editors: made from what the loader reads by, so both know the same keys."""

from typing import Any

import msgspec

from turnscope.sim._agent_schema import AgentSchema, Json, described
from turnscope.sim._bad_days import FaultTable
from turnscope.sim._expectations import EXPECTATIONS
from turnscope.sim._happenings import EVENT_KINDS, Happening
from turnscope.sim._scenario import VERSION, ScenarioTable
from turnscope.sim._scenario_steps import BackgroundTable, RepeatTable, StepTable
from turnscope.sim._scripted_tools import ToolTable

__all__ = ["scenario_schema"]

DIALECT = "http://json-schema.org/draft-07/schema#"
"""The one that editors for TOML know."""

_PARAMETER: Json = {
    "description": "A parameter of [[parameters]] or [matrix].",
    "type": "string",
    "pattern": r"^\{[A-Za-z_][A-Za-z0-9_]*\}$",
}


def scenario_schema() -> Json:
    """The JSON Schema (draft 7) of scenario files, as plain data.

    A file that the schema refuses is refused by `load_scenarios`, too. The loader refuses more, such as recordings that
    are missing, and keys that make no sense together.
    """
    tables: list[type[msgspec.Struct]] = [
        ScenarioTable,
        StepTable,
        RepeatTable,
        BackgroundTable,
        FaultTable,
        ToolTable,
        *EXPECTATIONS.values(),
    ]
    references, definitions = msgspec.json.schema_components(tables, ref_template="#/$defs/{name}")
    made = dict(zip(tables, references, strict=True))
    for table in tables:
        _describe(definitions[table.__name__], table)
    agent = AgentSchema(made[ToolTable])
    whole = definitions["ScenarioTable"]
    _list_events(definitions)
    whole["properties"] |= {
        "version": {"const": VERSION, "description": "Of this format."},
        "agent": agent.agent(),
        "caller": _list_of(made[StepTable], made[RepeatTable]),
        "background": _list_of(made[BackgroundTable]),
        "faults": _list_of(made[FaultTable]),
        "expect": _list_of(*(made[table] for table in EXPECTATIONS.values())),
        "parameters": {"type": "array", "items": {"type": "object"}},
        "matrix": {"type": "object", "additionalProperties": {"type": "array", "minItems": 1}},
    }
    whole["properties"]["caller"]["minItems"] = 1
    definitions |= agent.definitions
    for definition in definitions.values():
        _with_parameters(definition)
    schema: Json = _without_null({"$schema": DIALECT, "title": "A scenario of Turnscope", **whole})
    del definitions["ScenarioTable"]
    schema["$defs"] = {
        "parameter": _PARAMETER,
        **{name: _without_null(definitions[name]) for name in sorted(definitions)},
    }
    return schema


def _list_of(*items: Json) -> Json:
    return {"type": "array", "items": items[0] if len(items) == 1 else {"anyOf": list(items)}}


def _describe(definition: Json, table: type[msgspec.Struct]) -> None:
    for name, text in described(table).items():
        definition["properties"][name]["description"] = text


def _list_events(definitions: dict[str, Json]) -> None:
    definitions[Happening.__name__]["properties"]["event"] = {"enum": sorted(EVENT_KINDS)}
    definitions[StepTable.__name__]["properties"]["after_event"] = {
        "anyOf": [{"enum": sorted(EVENT_KINDS)}, {"$ref": f"#/$defs/{Happening.__name__}"}]
    }


def _with_parameters(definition: Json) -> None:
    """Let a parameter stand wherever a value does. Version and parameters themselves are what they are."""
    for name, value in definition.get("properties", {}).items():
        if name not in ("version", "parameters", "matrix") and not _takes_text(value):
            outer = {key: value.pop(key) for key in ("description", "default") if key in value}
            definition["properties"][name] = {**outer, "anyOf": [value, {"$ref": "#/$defs/parameter"}]}


def _takes_text(schema: Json) -> bool:
    """Whether any text will do anyway."""
    alternatives = schema.get("anyOf", [])
    return schema.get("type") == "string" or any(part.get("type") == "string" for part in alternatives)


def _without_null(schema: Any) -> Any:
    """What is left of a schema where there is no null, as in TOML; titles are left out, too."""
    if isinstance(schema, list):
        return [_without_null(part) for part in schema if part != {"type": "null"}]
    if not isinstance(schema, dict):
        return schema
    left = {
        key: _without_null(value)
        for key, value in schema.items()
        if not (key == "default" and value is None) and not (key == "title" and "$schema" not in schema)
    }
    if len(left.get("anyOf", [])) == 1:  # one choice is none
        left |= left.pop("anyOf")[0]
    return left
