"""When a step of a scenario file happens: the keys that say it, and the moment that they stand for."""

import math
from typing import Any

from turnscope._errors import ConfigError
from turnscope.core import Decided, State, StateChanged, ToolSettled, ToolStarted
from turnscope.sim._caller import Moment
from turnscope.sim._happenings import EVENT_KINDS, Happening
from turnscope.sim._matching import wanted_value
from turnscope.sim._phrases import Phrase, SpokenPattern, check_phrase
from turnscope.sim._reactions import AgentSays, AgentWords, Happens, Reaction
from turnscope.sim._sounds import SoundTable
from turnscope.sim._tables import at_key

__all__ = ["MomentTable", "check_seconds", "read_moment"]

_ANCHORS = {
    "at_s": "call",
    "after_agent_starts_s": "agent_starts",
    "after_agent_stops_s": "agent_stops",
    "after_previous_s": "previous",
    "after_quiet_s": "quiet",
}
"""Keys whose value is a time, and the anchor of a `Moment` that each stands for."""

_WORDS = ("after_agent_says", "after_agent_words")
_EVENTS = ("after_state", "after_decision", "after_tool_starts", "after_tool_ends", "after_event")
KEYS = (*_ANCHORS, *_WORDS, *_EVENTS)
"""Keys that say when a step is, of which it has one."""

_STATES = tuple(state.value for state in State if state not in (State.INITIAL, State.ENDED))
_VERDICTS = ("confirm", "dismiss", "hold", "any")


class MomentTable(SoundTable, forbid_unknown_fields=True, kw_only=True):
    """The keys that say what a step sounds like, and when it is."""

    at_s: float | None = None
    after_agent_starts_s: float | None = None
    after_agent_stops_s: float | None = None
    after_previous_s: float | None = None
    after_quiet_s: float | None = None
    after_agent_says: Phrase | None = None
    after_agent_words: int | None = None
    after_state: str | None = None
    after_decision: str | None = None
    after_tool_starts: str | None = None
    after_tool_ends: str | None = None
    after_event: str | Happening | None = None
    delay_s: float | None = None
    reply: int | None = None
    nth: int | None = None


def read_moment(table: MomentTable, key: str) -> Moment:
    """The moment that `table`, at the key path `key`, stands for.

    Raises:
        ConfigError: Something in it is wrong. The message begins with the key path.
    """
    anchor: str | Reaction
    given = [name for name in KEYS if getattr(table, name) is not None]
    if len(given) != 1:
        raise ConfigError(f"{key}: must have exactly one of {', '.join(KEYS)}, got {' and '.join(given) or 'none'}")
    name = given[0]
    if table.reply is not None and not name.startswith("after_agent"):
        raise ConfigError(f"{key}.reply: only means something beside after_agent_starts_s or another after_agent key")
    if table.nth is not None and name not in _EVENTS:
        raise ConfigError(f"{key}.nth: only means something beside one of {', '.join(_EVENTS)}")
    if table.nth is not None and table.nth < 1:
        raise ConfigError(f"{key}.nth: counts from 1, got {table.nth}")
    if name in _ANCHORS:
        after_s, anchor = _timed(table, name, key), _ANCHORS[name]
    else:
        check_seconds(f"{key}.delay_s", after_s := table.delay_s or 0.0)
        anchor = _reaction(name, getattr(table, name), f"{key}.{name}")
    try:
        return Moment(after_s, anchor, table.nth if name in _EVENTS else table.reply)
    except ConfigError as error:
        raise ConfigError(at_key(key, str(error), {"reply": None})) from error


def _timed(table: MomentTable, name: str, key: str) -> float:
    if table.delay_s is not None:
        raise ConfigError(f"{key}.delay_s: means nothing beside {name}, which is a time itself")
    after_s: float = getattr(table, name)
    check_seconds(f"{key}.{name}", after_s)
    return after_s


def _reaction(name: str, value: Any, key: str) -> Reaction:
    match name:
        case "after_agent_says":
            check_phrase(value, key)
            return AgentSays(value.regex, is_pattern=True) if isinstance(value, SpokenPattern) else AgentSays(value)
        case "after_agent_words":
            if value < 1:
                raise ConfigError(f"{key}: must be at least 1, got {value}")
            return AgentWords(value)
        case "after_state":
            return Happens(StateChanged, {"new": _one_of(_STATES, value, key)})
        case "after_decision":
            verdict = _one_of(_VERDICTS, value, key)
            return Happens(Decided, {} if verdict == "any" else {"verdict": verdict})
        case "after_tool_starts" | "after_tool_ends":
            kind = ToolStarted if name == "after_tool_starts" else ToolSettled
            return Happens(kind, {} if value == "any" else {"tool": value})
    return _event(value, key)


def _event(value: str | Happening, key: str) -> Happens:
    wanted = Happening(event=value) if isinstance(value, str) else value
    if wanted.event is None:
        raise ConfigError(f"{key}.event: is missing")
    wanted.read(key)
    where = {name: wanted_value(part, f"{key}.where.{name}") for name, part in (wanted.where or {}).items()}
    return Happens(EVENT_KINDS[wanted.event], where)


def _one_of(known: tuple[str, ...], value: str, key: str) -> str:
    if value not in known:
        raise ConfigError(f"{key}: must be one of {', '.join(map(repr, known))}, got {value!r}")
    return value


def check_seconds(key: str, value: float) -> None:
    """See that `value` is a time that can be waited for.

    Raises:
        ConfigError: It is negative, or none.
    """
    if value < 0:
        raise ConfigError(f"{key}: must not be negative, got {value:g}")
    if not math.isfinite(value):
        raise ConfigError(f"{key}: must be a finite number of seconds, got {value}")
