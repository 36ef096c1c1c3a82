"""A tool that does nothing but take its time, to test what interruptions do to tools."""

import math

import trio

from turnscope._errors import ConfigError
from turnscope.session import OnInterruption, Tool, ToolContext

__all__ = ["slow_tool"]


def slow_tool(
    name: str = "look_up",
    *,
    takes_s: float = 1.0,
    commits_after_s: float | None = None,
    on_interruption: OnInterruption = "cancel",
    result: str = "It is done.",
) -> Tool:
    """A tool without parameters that waits and gives a text.

    Args:
        name: What the model calls it by.
        takes_s: How long it takes, in seconds.
        commits_after_s: After so long it says that there is something that cannot be undone; None if it never does.
        on_interruption: What becomes of a call that runs when the caller interrupts, as for `turnscope.session.Tool`.
        result: What it gives.

    Raises:
        ConfigError: A value is out of its range; the message names it.
    """
    if not 0 <= takes_s < math.inf:
        raise ConfigError(f"takes_s must be 0 or more, and finite, got {takes_s:g}")
    if commits_after_s is not None and not 0 <= commits_after_s <= takes_s:
        raise ConfigError(f"commits_after_s must be from 0 to takes_s ({takes_s:g}), got {commits_after_s:g}")

    async def wait(context: ToolContext) -> str:
        begun = trio.current_time()
        if commits_after_s is not None:
            await trio.sleep_until(begun + commits_after_s)
            context.committed()
        await trio.sleep_until(begun + takes_s)
        return result

    return Tool(wait, name=name, description="Takes its time.", on_interruption=on_interruption)
