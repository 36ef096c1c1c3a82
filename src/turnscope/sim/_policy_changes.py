"""Other settings for a replay: as keys of the agent table, one by one or from a file."""

import copy
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from turnscope._errors import ConfigError
from turnscope.core import FloorSettings
from turnscope.sim._agent_table import changed
from turnscope.sim._grid import put

__all__ = ["changed_settings", "parse_changes"]

FILLER = {"after_s": "filler_after_s", "at_most": "fillers_at_most"}
"""Keys of the table ``filler``, and what the Floor is told of them."""

DECIDED = (*(field.name for field in fields(FloorSettings) if field.name not in FILLER.values()), "filler")
"""The keys of the agent table that the Floor decides by."""

Table = dict[str, Any]


def parse_changes(changes: Sequence[str], table: Mapping[str, object] | None = None) -> Table:
    """A table of an agent with changes like ``interruption.reaction=duck``. A value that is not TOML is text.

    Args:
        changes: What to change, in order.
        table: What to begin with, as TOML gives it; by default nothing.

    Raises:
        ConfigError: A change is not of this form, or its key lies in what is no table.
    """
    changed_table: Table = copy.deepcopy(dict(table or {}))
    for change in changes:
        key, equals, value = change.partition("=")
        parts = [part.strip() for part in key.split(".")]
        if not equals or not all(parts):
            raise ConfigError(f"{change}: must be KEY=VALUE, such as interruption.reaction=duck")
        put(changed_table, ".".join(parts), _value(value.strip()))
    return changed_table


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def changed_settings(
    settings: Mapping[str, FloorSettings], table: Mapping[str, object], folder: Path, *, strict: bool = True
) -> dict[str, FloorSettings]:
    """The settings of all agents of a recording, with what `table` says.

    Args:
        settings: As recorded, by the agents' names.
        table: Keys of the agent table. What it does not say stays.
        folder: What relative paths in it are relative to.
        strict: Refuse keys that nothing is decided by; else they are passed over.

    Raises:
        ConfigError: A key is unknown or wrong, or nothing is decided by it.
    """
    other = [key for key in table if key not in DECIDED]
    if other and strict:
        raise ConfigError(f"agent.{other[0]}: no decision goes by it; known here: {', '.join(DECIDED)}")
    known = {key: value for key, value in table.items() if key in DECIDED}
    filler = known.pop("filler", {})
    if isinstance(filler, dict):  # what it says, or sounds like, decides nothing
        known |= {FILLER[key]: value for key, value in filler.items() if key in FILLER}
    return {name: changed(each, known, folder) for name, each in settings.items()}
