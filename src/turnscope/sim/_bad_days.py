"""``[latency]`` and ``[[faults]]`` of a scenario file: how slow and how unreliable the agent's providers are."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import msgspec

from turnscope._errors import ConfigError
from turnscope.session import Agent
from turnscope.sim._distributions import Distribution, DistributionTable, read_distribution
from turnscope.sim._faults import Fault, FaultKind, FaultPlace
from turnscope.sim._faulty import Faulty
from turnscope.sim._tables import at_key, convert

__all__ = ["FaultTable", "LatencyTable", "with_bad_days"]

Part = Literal["stt", "llm", "tts", "detector"]


class LatencyTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The table ``[latency]``: how much later everything comes from a provider, in seconds."""

    stt: float | DistributionTable | None = None
    llm: float | DistributionTable | None = None
    tts: float | DistributionTable | None = None
    detector: float | DistributionTable | None = None


class FaultTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One table of ``[[faults]]``; `provider` says whose it is, and the rest is as in `Fault`."""

    provider: Part
    kind: FaultKind
    call: int | None = None
    probability: float = 1.0
    where: FaultPlace = "item"
    after_items: int = 0
    delay_s: float = 1.0
    message: str = "the connection was lost"


def with_bad_days(agent: Agent, latency: LatencyTable, faults: Sequence[Any], seed: int) -> Agent:
    """`agent` with providers that are as slow and as unreliable as the tables say.

    Raises:
        ConfigError: Something in them makes no sense. The message begins with the key path.
    """
    slow: dict[str, Distribution] = {}
    for name in latency.__struct_fields__:
        if (value := getattr(latency, name)) is not None:
            slow[name] = read_distribution(value, f"latency.{name}")
    broken: dict[str, list[Fault]] = {}
    for index, table in enumerate(faults):
        fault: FaultTable = convert(table, FaultTable, key := f"faults[{index}]")
        broken.setdefault(fault.provider, []).append(_fault(fault, key))
    changed: dict[str, Any] = {}
    for name in sorted({*slow, *broken}):
        inner = agent.interruption_detector if name == "detector" else getattr(agent, name)
        if inner is None:
            key = "latency" if name in slow else "faults"
            raise ConfigError(f"{key}: the agent has no detector")
        changed[name] = Faulty(inner, broken.get(name, ()), latency=slow.get(name, 0.0), seed=seed)
    if "stt" in changed:  # by which "auto" goes
        changed.setdefault("detector", agent.interruption_detector)
    return replace(agent, **changed)


def _fault(table: FaultTable, key: str) -> Fault:
    given = {name: getattr(table, name) for name in table.__struct_fields__ if name != "provider"}
    if table.where == "send" and table.provider in ("llm", "tts"):
        raise ConfigError(f"{key}.where: only what hears is sent something; must be open, item or close")
    try:
        return Fault(**given)
    except ConfigError as error:
        raise ConfigError(at_key(key, str(error), given)) from error
