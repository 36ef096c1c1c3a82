import os

import pytest
import trio
import trio.testing


async def test_an_hour_of_an_async_test_passes_at_once() -> None:
    virtual_s = trio.current_time()
    await trio.sleep(3600)
    assert trio.current_time() - virtual_s == 3600


async def test_a_test_may_bring_its_own_clock(mock_clock: trio.testing.MockClock) -> None:
    mock_clock.jump(5)
    assert trio.current_time() == mock_clock.current_time()


@pytest.mark.realtime
async def test_a_test_marked_realtime_has_the_wall_clock() -> None:
    assert trio.current_time() - trio.current_time() != 0


def test_sums_are_done_by_one_thread() -> None:
    assert os.environ["OMP_NUM_THREADS"] == os.environ["OPENBLAS_NUM_THREADS"] == "1"
