"""What holds for every test: virtual time unless it is marked `realtime`, and one thread for sums.

The thread counts are read when numpy is loaded, so they are set before anything else is imported.
"""

import os

for _count in ("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[_count] = "1"

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import hypothesis
import pytest
import trio
import trio.testing

hypothesis.settings.register_profile("turnscope", deadline=None)  # how fast the machine is, is nobody's fault
hypothesis.settings.load_profile("turnscope")

T = TypeVar("T")


def run_in_virtual_time(
    async_fn: Callable[..., Awaitable[T]],
    *,
    clock: trio.abc.Clock | None = None,
    instruments: Sequence[trio.abc.Instrument] = (),
) -> T:
    """`trio.run` whose clock jumps ahead whenever every task sleeps, unless the test asks for another clock."""
    clock = clock or trio.testing.MockClock(autojump_threshold=0)
    return trio.run(async_fn, clock=clock, instruments=instruments)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give async tests virtual time.

    pytest-trio sees the fixture `autojump_clock` only if the test takes it as an argument, and not at all if the
    test is a property test; so the runner is replaced instead, and async property tests are refused.
    """
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        if hasattr(item.obj, "hypothesis"):
            if inspect.iscoroutinefunction(item.obj.hypothesis.inner_test):
                raise pytest.UsageError(
                    f"{item.nodeid}: an async property test would run on the wall clock; "
                    "write a plain function that calls trio.run with a MockClock"
                )
        elif inspect.iscoroutinefunction(item.obj) and item.get_closest_marker("realtime") is None:
            item.add_marker(pytest.mark.trio(run=run_in_virtual_time), append=False)
