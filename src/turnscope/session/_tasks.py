"""The tasks below a task: nothing outlives its scope, and here that can be counted."""

from collections.abc import Iterator

import trio

__all__ = ["tasks_below"]


def tasks_below(task: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    """Every task that lives in a nursery of `task`, or of one of those."""
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield child
            yield from tasks_below(child)
