"""The last resort against a task that shields itself from cancellation for ever: unblock it from outside.

Trio never does this, for good reasons: the task asked not to be cancelled. A session does it only when its block is
left, and only to tasks of turns whose join deadline is long over, so that leaving the block always comes to an end.
It is the one place of `turnscope.session` that touches private names of Trio; `tests/session/test_zombies.py` fails
when they change.
"""

from typing import NoReturn

import trio

__all__ = ["FORCED_ENDINGS", "unblock"]

FORCED_ENDINGS = 10
"""How often a task that shields itself for ever is unblocked before its session waits for it for ever, too."""


def unblock(task: trio.lowlevel.Task) -> None:
    """Raise `trio.Cancelled` in `task` and in every task below it that is blocked, shielded or not."""
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            unblock(child)
    if task._abort_func is not None:
        task._attempt_abort(_raise_cancelled)


def _raise_cancelled() -> NoReturn:
    raise trio.Cancelled._create(source="shutdown", reason="the session was left")
