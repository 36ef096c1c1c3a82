"""The one family of exceptions that Turnscope raises.

Being interrupted is never among them: an interruption is an outcome, not an error.
"""

__all__ = [
    "AudioError",
    "ConfigError",
    "ProtocolError",
    "ProviderError",
    "QueueFull",
    "SessionClosed",
    "TooManySessions",
    "ToolWithdrawn",
    "TransportError",
    "TurnscopeError",
]


class TurnscopeError(Exception):
    """Root of every exception that Turnscope raises."""


class ConfigError(TurnscopeError):
    """A setting, a scenario or an agent is wrong; the message names the key or the argument."""


class ProviderError(TurnscopeError):
    """A provider (VAD, STT, LLM, TTS) failed, hung or broke its contract.

    Args:
        provider: The provider's name, as its ``name`` says it.
        message: What went wrong, for a person to read.
    """

    def __init__(self, provider: str, message: str) -> None:
        super().__init__(f"{provider}: {message}")
        self.provider = provider
        self.message = message


class TransportError(TurnscopeError):
    """The way to the caller failed."""


class ProtocolError(TurnscopeError):
    """A peer, or the code that drives a state machine, said something it may not say now."""


class AudioError(TurnscopeError):
    """Audio has the wrong rate, shape or type, or a file of it cannot be read."""


class QueueFull(TurnscopeError):
    """So much waits to be said already that one more thing would only come too late."""


class TooManySessions(TurnscopeError):
    """A runtime serves as many sessions as it may; one more would be too many.

    Args:
        max_sessions: How many it may serve at once.
    """

    def __init__(self, max_sessions: int) -> None:
        super().__init__(f"this runtime serves {max_sessions} sessions, and no more at once (max_sessions)")
        self.max_sessions = max_sessions


class SessionClosed(TurnscopeError):
    """The session has ended; what was asked of it can no longer happen."""


class ToolWithdrawn(TurnscopeError):
    """A tool said that it commits itself, but its call has been cancelled; it must not go on."""


def why_unreadable(error: OSError | UnicodeDecodeError) -> str:
    """Why a text file cannot be read, without its name: the message around it has that."""
    return str(error.strerror or error) if isinstance(error, OSError) else "not UTF-8"
