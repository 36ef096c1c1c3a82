"""What happens in the life of a session, beside its turns."""

from dataclasses import dataclass

from turnscope.core._events import Event

__all__ = ["AgentChanged", "HookFailed", "ProviderReplaced"]


@dataclass(frozen=True, slots=True)
class AgentChanged(Event):
    """Another agent has taken over: it gives the next answer."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class ProviderReplaced(Event):
    """A provider was connected to anew, because its connection had broken, or something on it did not stop."""

    provider: str


@dataclass(frozen=True, slots=True)
class HookFailed(Event):
    """A function of the application, registered for events, raised or was too slow. Said once of each of them."""

    hook: str
    message: str
