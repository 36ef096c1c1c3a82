"""Runs async tests in virtual time, property tests included."""

from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import trio

from turnscope.providers import Compute
from turnscope.sim import VirtualCompute, run_virtual, seeded_scheduler

__all__ = ["current_compute", "run", "with_clock", "without_clock"]

T = TypeVar("T")

_COMPUTE: trio.lowlevel.RunVar[VirtualCompute | None] = trio.lowlevel.RunVar("turnscope_compute")


def run(
    async_fn: Callable[[], Awaitable[T]],
    *,
    seed: int,
    clock: trio.abc.Clock | None = None,
    instruments: Sequence[trio.abc.Instrument] = (),
) -> T:
    """`trio.run` in virtual time, unless the test has brought a clock of its own.

    Args:
        async_fn: The test.
        seed: For the order in which ready tasks run.
        clock: The test's own.
        instruments: Watch the run, as in `trio.run`.
    """
    if clock is not None:
        with seeded_scheduler(seed):
            return trio.run(async_fn, clock=clock, instruments=instruments)

    async def main(compute: VirtualCompute) -> T:
        _COMPUTE.set(compute)
        return await async_fn()

    return run_virtual(main, seed=seed, instruments=tuple(instruments))


def current_compute() -> Compute | None:
    """The compute seam for a call inside the running Trio; None for threads, which is for the wall clock."""
    from trio.testing import MockClock  # not at the top: it brings pytest along

    compute = _COMPUTE.get(None)
    if compute is None and isinstance(trio.lowlevel.current_clock(), MockClock):
        compute = VirtualCompute()
        _COMPUTE.set(compute)
    return compute


def with_clock(runner: Callable[..., T]) -> Callable[..., T]:
    """What pytest-trio has made of an async property test, given a clock of virtual time for each example.

    It runs them on the wall clock unless one of their arguments is a clock. So one more argument is, and is taken
    away again by `without_clock` before the test sees it.
    """
    from trio.testing import MockClock  # not at the top: it brings pytest along

    @wraps(runner)
    def given_clock(**arguments: Any) -> T:
        if not any(isinstance(value, trio.abc.Clock) for value in arguments.values()):
            arguments["_turnscope_clock"] = MockClock(autojump_threshold=0)
        return runner(**arguments)

    return given_clock


def without_clock(test: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
    """See `with_clock`."""

    @wraps(test)
    async def clockless(*, _turnscope_clock: object = None, **arguments: Any) -> T:
        return await test(**arguments)

    return clockless
