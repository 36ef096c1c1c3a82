"""Handing over: from when on another agent's settings decide. Never while a reply is under way."""

from turnscope._errors import ConfigError, ProtocolError
from turnscope.core import _inputs as inp
from turnscope.core import _orders as do
from turnscope.core._closing import Closing
from turnscope.core._floor_settings import FloorSettings
from turnscope.core._session_events import AgentChanged
from turnscope.core._states import State

__all__ = ["HandingOver"]


class HandingOver(Closing):
    """Several agents, one after the other, in one conversation."""

    def know(self, agent: str, settings: FloorSettings) -> None:
        """Prepare for `agent`, whose name may then come in a `HandOverRequested`.

        Raises:
            ConfigError: Another agent has this name.
        """
        if self._known.setdefault(agent, settings) != settings:
            raise ConfigError(f"another agent of this session is named {agent!r} already: give each a name of its own")

    def _hand_over_requested(self, item: inp.HandOverRequested) -> None:
        if item.agent not in self._known:
            raise ProtocolError(f"the Floor does not know an agent {item.agent!r}")
        self._next_agent = item.agent

    def _hand_over_if_free(self) -> None:
        """The other agent takes over as soon as no answer is under way: between attempts."""
        under_way = self._holder is not None and not self._holder.due
        if self._next_agent is None or under_way or self.state is State.ENDED:
            return
        old = self.agent
        self.agent: str = self._next_agent
        self._next_agent = None
        if self._heard is not None:
            self._drop_guess(self._heard, "agent_changed")
        self.settings: FloorSettings = self._known[self.agent]
        self._order(do.ChangeAgent(self.agent))
        self._emit(AgentChanged(self._now, old, self.agent))
