"""The agents that speak in one session, one after the other, and the connections that each of them needs."""

from turnscope.session._agent import Agent
from turnscope.session._connections import Connection, Connections

__all__ = ["LineUps", "Reached"]

Reached = tuple[Connection, Connection, Connection]
"""Connections to an STT, an LLM and a TTS."""


class LineUps:
    """Knows who can take over, and closes what nobody needs any more.

    Args:
        agent: Who begins.
        reached: The connections of that one.
        connections: All of the session.
    """

    def __init__(self, agent: Agent, reached: Reached, connections: Connections) -> None:
        self._connections = connections
        self._known = {agent.name: (agent, reached)}
        self._reaching = 0
        """How many hand-overs are connecting."""

    async def prepare(self, agent: Agent) -> None:
        """Connect to what `agent` needs and nobody else does.

        Raises:
            ConfigError: A provider cannot be had.
            ProviderError: A provider could not be reached.
        """
        self._reaching += 1
        try:
            reached = await self._connections.reach(agent)
        finally:
            self._reaching -= 1
        self._known[agent.name] = (agent, reached)

    def switch(self, name: str) -> tuple[Agent, Reached]:
        """The agent of this name takes over; what only others need is let go."""
        agent, reached = self._known[name]
        if not self._reaching:  # else some may be another agent's, who takes over next
            self._connections.keep_only(reached)
        return agent, reached
