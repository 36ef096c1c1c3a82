"""What is left behind: tasks, async generators, sockets and threads that were there when somebody had ended."""

import contextlib
import socket
import sys
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from types import AsyncGeneratorType
from typing import Any

import trio

from turnscope.session import tasks_below, unblock
from turnscope.sim._audit_findings import Findings
from turnscope.sim._audit_places import Home, Place

__all__ = ["Leaks"]

JOIN_S = 0.05
"""So long a thread that was told to end may take."""


class Leaks:
    """Watches what is opened while somebody is used.

    Args:
        home: Their code.
        findings: Is told what was not closed.
    """

    def __init__(self, home: Home, findings: Findings) -> None:
        self._home = home
        self._findings = findings
        self._tasks: set[trio.lowlevel.Task] = set()
        self._threads: set[threading.Thread] = set()
        self._generators: list[AsyncGeneratorType[Any, Any]] = []
        self._sockets: list[tuple[socket.socket, Place]] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch what is opened in the block. Inside Trio."""
        self._tasks = set(_all_tasks())
        self._threads = set(threading.enumerate())
        hooks = sys.get_asyncgen_hooks()
        opens = socket.socket.__init__

        def first_iteration(generator: AsyncGenerator[Any, Any]) -> None:
            if isinstance(generator, AsyncGeneratorType):
                self._generators.append(generator)
            if hooks.firstiter is not None:
                hooks.firstiter(generator)

        def opened(this: socket.socket, *arguments: Any, **options: Any) -> None:
            opens(this, *arguments, **options)
            self._sockets.append((this, self._home.of_stack(sys._getframe())))

        sys.set_asyncgen_hooks(firstiter=first_iteration)
        socket.socket.__init__ = opened  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            socket.socket.__init__ = opens  # type: ignore[method-assign]
            sys.set_asyncgen_hooks(firstiter=hooks.firstiter)

    async def close(self) -> None:
        """Name what was left open, and close it as well as can be."""
        await self._close_tasks()
        await self._close_generators()
        for left, place in self._sockets:
            if left.fileno() != -1:
                self._findings.add("socket", "a socket is left open", place)
                left.close()
        for thread in set(threading.enumerate()) - self._threads:
            if not thread.name.startswith("Trio "):  # Trio keeps its own for a while
                thread.join(JOIN_S)
            if thread.is_alive() and not thread.name.startswith("Trio "):
                self._findings.add("thread", f"the thread {thread.name} is left", self._home.of_thread(thread))

    async def _close_tasks(self) -> None:
        for _ in range(2):  # a task that has just been told to end does so now
            await trio.lowlevel.cancel_shielded_checkpoint()
        for task in [task for task in _all_tasks() if task not in self._tasks]:
            self._findings.add("task", f"the task {task.name} is left", self._home.of_task(task))
            unblock(task)
        await trio.lowlevel.cancel_shielded_checkpoint()

    async def _close_generators(self) -> None:
        for generator in self._generators:
            if generator.ag_frame is not None and not generator.ag_running:
                place = self._home.place([(generator.ag_frame, generator.ag_frame.f_lineno)])
                self._findings.add("generator", f"the async generator {generator.__name__} is left open", place)
                with trio.move_on_after(1, shield=True), contextlib.suppress(Exception):
                    await generator.aclose()
        self._generators.clear()


def _all_tasks() -> Iterator[trio.lowlevel.Task]:
    root = trio.lowlevel.current_root_task()
    assert root is not None
    return tasks_below(root)
