"""Named deadlines, earliest first. A note pad for state machines; it knows no clock."""

__all__ = ["Deadlines"]


class Deadlines:
    """A few named times, of which the next one matters."""

    __slots__ = ("_at", "next_at")

    def __init__(self) -> None:
        self._at: dict[str, int] = {}
        self.next_at: int | None = None
        """The earliest of them, in samples; None when there is none."""

    def get(self, name: str) -> int | None:
        """When `name` is due, if it is set."""
        return self._at.get(name)

    def set(self, name: str, at: int | None) -> None:
        """Set `name`, replacing it; None clears it."""
        if at is None:
            self.clear(name)
            return
        self._at[name] = at
        self.next_at = min(self._at.values())

    def clear(self, *names: str) -> None:
        """Forget these; unknown ones are fine."""
        for name in names:
            self._at.pop(name, None)
        self.next_at = min(self._at.values(), default=None)

    def pop_due(self, now: int) -> str | None:
        """Take out the earliest deadline that is due at `now`, and say which it is."""
        if self.next_at is None or self.next_at > now:
            return None
        name = min(self._at, key=lambda key: (self._at[key], key))
        del self._at[name]
        self.next_at = min(self._at.values(), default=None)
        return name
