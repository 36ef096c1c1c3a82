"""One scenario file, several runs: puts the values of ``[[parameters]]`` and ``[matrix]`` in their places."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from turnscope._errors import ConfigError

__all__ = ["ParameterSet", "parameter_sets", "with_parameters"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SCALARS = (str, int, float, bool)


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """The values of one run.

    Attributes:
        name: Tells the run from the others of its file; empty when it is the only one.
        values: By the names of the parameters.
    """

    name: str
    values: Mapping[str, object]


def parameter_sets(rows: Sequence[Mapping[str, object]], matrix: Mapping[str, Sequence[object]]) -> list[ParameterSet]:
    """Every row with every combination of the matrix, in order. One set without a name if there are neither.

    Raises:
        ConfigError: Rows differ in their parameters, a parameter is given twice, or two runs have one name.
    """
    for index, row in enumerate(rows):
        _check_names(f"parameters[{index}]", row)
        for name in rows[0]:
            if name not in row and name != "name":
                raise ConfigError(f"parameters[{index}].{name}: is missing; all rows have the same parameters")
        for name in row:
            if name not in rows[0] and name != "name":
                raise ConfigError(f"parameters[{index}].{name}: is missing in parameters[0]")
            if name in matrix:
                raise ConfigError(f"matrix.{name}: is one of the parameters, too")
    _check_names("matrix", matrix)
    for name, values in matrix.items():
        if not values:
            raise ConfigError(f"matrix.{name}: must have at least one value")
    columns = [
        [(name, value, _named(name, value, index)) for index, value in enumerate(values)]
        for name, values in matrix.items()
    ]
    combined = [
        ParameterSet(
            ",".join(filter(None, (row_name, *(label for *_, label in cell)))),
            {**values, **{name: value for name, value, _ in cell}},
        )
        for row_name, values in _rows(rows)
        for cell in product(*columns)
    ]
    names = [each.name for each in combined]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"parameters: two runs are called {name!r}; give them names of their own")
    return combined


def with_parameters(table: Mapping[str, object], values: Mapping[str, object]) -> dict[str, object]:
    """`table` with values in the places of ``{name}``. A text that is nothing else becomes the value, with its type.

    Raises:
        ConfigError: A parameter is not used.
    """
    if not values:
        return dict(table)
    used: set[str] = set()
    pattern = re.compile(rf"(?<!\{{)\{{({'|'.join(map(re.escape, values))})\}}(?!\}})")

    def replaced(value: object) -> Any:
        if isinstance(value, dict):
            return {key: replaced(item) for key, item in value.items()}
        if isinstance(value, list):
            return [replaced(item) for item in value]
        if not isinstance(value, str):
            return value
        used.update(pattern.findall(value))
        whole = pattern.fullmatch(value)
        return values[whole[1]] if whole else pattern.sub(lambda found: _text(values[found[1]]), value)

    filled = {key: replaced(value) for key, value in table.items()}
    for name in values:
        if name not in used:
            raise ConfigError(f"parameter {name}: is not used; write {{{name}}} where its value belongs")
    return filled


def _rows(rows: Sequence[Mapping[str, object]]) -> Iterator[tuple[str, dict[str, object]]]:
    if not rows:
        yield "", {}
    for index, row in enumerate(rows):
        values = {name: value for name, value in row.items() if name != "name"}
        labels = ",".join(_named(name, value, index) for name, value in values.items())
        yield str(row.get("name", labels)), values


def _named(name: str, value: object, index: int) -> str:
    """What tells a value from the others of its parameter."""
    return f"{name}={_text(value)}" if isinstance(value, _SCALARS) else f"{name}{index}"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_names(key: str, names: Mapping[str, object]) -> None:
    for name in names:
        if not _NAME.fullmatch(name):
            raise ConfigError(f"{key}.{name}: must be a name of letters, digits and _")
    if not isinstance(names.get("name", ""), str):
        raise ConfigError(f"{key}.name: must be text, the name of the run")
