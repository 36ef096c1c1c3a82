"""Quiet: the times that run while nobody speaks. A noise stops them, and if it was no turn they run on."""

from turnscope.core._audio import to_samples
from turnscope.core._floor_state import FloorState

__all__ = ["Quiet"]

_TIMES = ("away", "silence", "timeout")


class Quiet(FloorState):
    """Knows for how long nobody has spoken."""

    def _quiet_begins(self) -> None:
        """Nobody speaks: since now, or if it was only a noise that has ended, since before."""
        if self._quiet_since is None:
            self._quiet_since = self._now
            if self._life_seen:
                self._alive_until, self._life_seen = self._now, False
        rules = self.settings.silence
        self._run("away", self._quiet_since, self.settings.away_after_s)
        self._run("silence", self._quiet_since, None if rules is None else rules.after_s)
        self._run("timeout", self._alive_until, self.settings.session_timeout_s)

    def _run(self, name: str, since: int, length_s: float | None) -> None:
        self._deadlines.set(name, None if length_s is None else max(since + to_samples(length_s), self._now))

    def _quiet_pauses(self) -> None:
        """There is a sound, which may be speech."""
        self._deadlines.clear(*_TIMES)

    def _quiet_ends(self, origin: str) -> None:
        """Somebody holds the floor."""
        self._deadlines.clear(*_TIMES)
        self._quiet_since = None
        if origin != "silence":  # what the agent says into a silence is no sign of life
            self._life_seen = True
        if origin in ("speech", "text"):
            self._reprompts = 0
