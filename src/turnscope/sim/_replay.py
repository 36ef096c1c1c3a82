"""Tells a Floor again what it was told in a recording: it decides the same. Knows no providers and no audio."""

from collections.abc import Mapping
from dataclasses import dataclass

from turnscope._errors import ConfigError
from turnscope.core import Floor, FloorInput, FloorSettings, Order
from turnscope.observe import Recording
from turnscope.sim._rulings import Compared, compare_rulings

__all__ = ["Difference", "Replay", "replay"]

SHOWN = 10
"""Differences that are kept. After the first, the two are different conversations."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Told the same, the Floor ordered something else.

    Attributes:
        index: Which input it was, counted from 0.
        item: The input.
        was: What it ordered when it was recorded.
        now: What it orders now.
    """

    index: int
    item: FloorInput
    was: tuple[Order, ...]
    now: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of telling a Floor again what it was told.

    Attributes:
        inputs: How many inputs there were.
        differences: The first inputs after which it ordered something else. With other settings only the first tells
            something: what was told after it follows from what was ordered in the recording.
        compared: With other settings, each time that the caller spoke: what was made of it, and what would have been.
            Empty without.
    """

    inputs: int
    differences: tuple[Difference, ...]
    compared: tuple[Compared, ...] = ()

    @property
    def identical(self) -> bool:
        """Every order, and every event, was the same."""
        return not self.differences

    @property
    def changed(self) -> tuple[Compared, ...]:
        """What would have gone otherwise."""
        return tuple(each for each in self.compared if each.differs)


def replay(recording: Recording, settings: Mapping[str, FloorSettings] | None = None) -> Replay:
    """Replay the decisions of a recording, or what they would have been.

    Args:
        recording: Made by `turnscope.observe.load_recording`.
        settings: For agents by name, instead of those that were recorded: what would have been decided by these?

    Raises:
        ConfigError: Something that the decisions depend on was not recorded.
    """
    if recording.lost_lines:
        raise ConfigError(f"{recording.folder}: the recorder was too slow and lost {recording.lost_lines} lines of it")
    recorded = _recorded_settings(recording, settings or {})
    used = recorded | dict(settings or {})
    differences: list[Difference] = []
    floor = new_floor(recording, used)
    for index, decision in enumerate(recording.decisions):
        item, was = decision.item, tuple(decision.orders)
        now = tuple(floor.receive(item))
        if now != was and len(differences) < SHOWN:
            differences.append(Difference(index, item, was, now))
    if settings is None:
        return Replay(len(recording.decisions), tuple(differences))
    compared = compare_rulings(new_floor(recording, recorded), recording.decisions, used)
    return Replay(len(recording.decisions), tuple(differences[:1]), compared)


def new_floor(recording: Recording, settings: Mapping[str, FloorSettings]) -> Floor:
    """The Floor at the beginning of a recording, by these settings."""
    floor = Floor(settings[recording.agent], recording.agent)
    for name, each in settings.items():
        floor.know(name, each)
    return floor


def _recorded_settings(recording: Recording, given: Mapping[str, FloorSettings]) -> dict[str, FloorSettings]:
    """What was decided by; where that was code, which is not in the recording, it is what is given."""
    try:
        return recording.floor_settings()
    except ConfigError:
        if recording.header["texts"] and set(given) == set(recording.settings):
            return dict(given)
        raise
