"""The strategy of whole conversations, which can be held and say how to hold them again."""

from collections.abc import Callable, Sequence

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from turnscope._errors import ConfigError
from turnscope.session import Agent
from turnscope.sim import Media, Step
from turnscope.testing._planned_call import LONGEST_S, PlannedCall
from turnscope.testing.strategies._agents import agents
from turnscope.testing.strategies._arguments import check_seconds, check_strategy
from turnscope.testing.strategies._scripts import scripts as any_scripts

__all__ = ["conversations"]

MOST_SEED = 999


def conversations(
    agent: Agent | Callable[[], Agent] | SearchStrategy[Agent] | None = None,
    *,
    scripts: SearchStrategy[Sequence[Step]] | None = None,
    lines: SearchStrategy[Media | None] | None = None,
    seeds: SearchStrategy[int] | None = None,
    longest_s: float = LONGEST_S,
) -> SearchStrategy[PlannedCall]:
    """Conversations that are ready to be held. The simplest is one short utterance at the call's beginning, seed 0.

    Args:
        agent: Who answers: an agent; a function that makes one, which is called each time that a conversation is held;
            or a strategy. By default, `agents`.
        scripts: What the caller does. By default `scripts`, whose words only fakes understand.
        lines: The way from the caller to the agent. By default all are perfect.
        seeds: For the order in which ready tasks run. By default 0 to 999.
        longest_s: The caller hangs up after so many seconds at the latest, and a test takes no longer.

    Raises:
        ConfigError: An argument is wrong; the message names it.
    """
    check_seconds("longest_s", longest_s, least=0.1)
    for name, strategy in {"scripts": scripts, "lines": lines, "seeds": seeds}.items():
        if strategy is not None:
            check_strategy(name, strategy)
    if agent is None:
        who: SearchStrategy[Agent | Callable[[], Agent]] = agents()
    elif isinstance(agent, SearchStrategy):
        who = agent
    elif isinstance(agent, Agent) or callable(agent):
        who = st.just(agent)
    else:
        made = "an Agent, a function that makes one, or a strategy"
        raise ConfigError(f"agent must be {made}; got {type(agent).__name__}")
    return _conversations(
        who,
        any_scripts() if scripts is None else scripts,
        st.none() if lines is None else lines,
        st.integers(0, MOST_SEED) if seeds is None else seeds,
        longest_s,
    )


@st.composite
def _conversations(
    draw: DrawFn,
    who: SearchStrategy[Agent | Callable[[], Agent]],
    scripts: SearchStrategy[Sequence[Step]],
    lines: SearchStrategy[Media | None],
    seeds: SearchStrategy[int],
    longest_s: float,
) -> PlannedCall:
    script, seed, agent, media = draw(scripts), draw(seeds), draw(who), draw(lines)
    chance = media is not None and media.packets is not None
    media_seed = draw(st.integers(0, MOST_SEED)) if chance else 0
    return PlannedCall(agent, script, seed=seed, media=media, media_seed=media_seed, longest_s=longest_s)
