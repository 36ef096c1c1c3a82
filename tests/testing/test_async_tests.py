import pytest

from tests.testing.project import Run, passed_and_failed

VIRTUAL = "began = trio.current_time(); await trio.sleep(3600); assert trio.current_time() - began == 3600"
WALL = "assert trio.current_time() - trio.current_time() != 0"


def test_async_tests_that_use_the_fixture_run_in_virtual_time_and_others_as_before(run: Run) -> None:
    result = run(f"""
async def test_with_it(simulate):
    {VIRTUAL}
    call = await simulate.in_trio(agent, script)
    assert call.turns[0].outcome.heard == "Your order is"
@pytest.mark.trio
async def test_without_it():
    {WALL}
@pytest.mark.realtime
@pytest.mark.trio
async def test_with_it_on_the_wall_clock(simulate):
    {WALL}
@pytest.mark.virtual_time
async def test_marked():
    {VIRTUAL}
""")
    assert passed_and_failed(result) == (4, 0)


@pytest.mark.parametrize(("setting", "plain", "marked"), [("true", VIRTUAL, VIRTUAL), ("false", WALL, VIRTUAL)])
def test_a_project_can_have_all_async_tests_in_virtual_time_or_none(
    run: Run, setting: str, plain: str, marked: str
) -> None:
    result = run(
        f"""
async def test_plain():
    {plain}
async def test_with_it(simulate):
    {plain}
@pytest.mark.virtual_time
async def test_marked():
    {marked}
@pytest.mark.realtime
async def test_real():
    {WALL}
""",
        config=f"trio_mode = true\nturnscope_virtual_time = {setting}",
    )
    assert passed_and_failed(result) == (4, 0)


def test_a_clock_that_an_autouse_fixture_asks_for_is_no_longer_needed(run: Run) -> None:
    result = run(
        f"""
from turnscope.sim import VirtualCompute
from turnscope.testing._virtual_time import current_compute
@pytest.fixture(autouse=True)
def jump(autojump_clock): pass
@pytest.mark.usefixtures("autojump_clock")
async def test_it():
    {VIRTUAL}
async def test_with_a_clock_of_its_own(mock_clock):
    assert mock_clock.autojump_threshold == float("inf")
    mock_clock.jump(5)
    assert trio.current_time() == mock_clock.current_time()
async def test_a_call_with_such_a_clock(autojump_clock, simulate):
    assert (await simulate.in_trio(agent, script)).turns
    assert isinstance(current_compute(), VirtualCompute)  # threads know nothing of such a clock
@pytest.mark.realtime
async def test_on_the_wall_clock_threads_compute():
    assert current_compute() is None
""",
        config="trio_mode = true\nturnscope_virtual_time = true",
    )
    assert passed_and_failed(result) == (4, 0)


def test_an_async_property_test_has_a_virtual_clock_for_each_example(run: Run) -> None:
    result = run(
        f"""
from hypothesis import HealthCheck, given, settings, strategies as st
@pytest.fixture
async def opened():
    await trio.sleep(100)
    return "yes"
@pytest.mark.parametrize("other", [1, 2])
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(0, 5))
async def test_it(opened, other, number):
    assert (opened, other in (1, 2), 0 <= number <= 5) == ("yes", True, True)
    {VIRTUAL}
@settings(max_examples=3, deadline=None)
@given(number=st.integers(0, 5))
@pytest.mark.realtime
async def test_real(number):
    {WALL}
""",
        config="trio_mode = true\nturnscope_virtual_time = true",
    )
    assert passed_and_failed(result) == (3, 0)


@pytest.mark.feature("X3")
def test_the_order_of_ready_tasks_is_that_of_the_seed(run: Run) -> None:
    tests = """
async def test_it(simulate):
    order = []
    async with trio.open_nursery() as nursery:
        for number in range(30):
            async def note(number=number):
                await trio.sleep(1)
                order.append(number)
            nursery.start_soon(note)
    print("order", order)
"""

    def order(*arguments: str) -> str:
        return next(line for line in run(tests, "-s", *arguments).outlines if "order [" in line)

    first = order()
    assert order() == first
    assert order("--turnscope-seed=1") != first


def test_a_test_that_stands_still_is_named_instead_of_hanging(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnscope.sim._virtual.STANDSTILL_S", 0.05)
    result = run("""
async def test_it(simulate):
    while True: await trio.lowlevel.checkpoint()
""")
    result.stdout.fnmatch_lines(["*StandstillError: virtual time stood still for * task *test_it* kept running"])


def test_tests_of_other_event_loops_are_left_alone(run: Run) -> None:
    result = run(
        """
@pytest.fixture
def anyio_backend():
    return "asyncio"
@pytest.mark.anyio
async def test_it():
    import asyncio
    await asyncio.sleep(0)
""",
        config="turnscope_virtual_time = true",
    )
    assert passed_and_failed(result) == (1, 0)


def test_a_broken_promise_in_an_async_test_fails_it(run: Run) -> None:
    result = run("""
import turnscope.testing._simulate
async def test_it(simulate, monkeypatch):
    monkeypatch.setattr(turnscope.testing._simulate, "broken_promises", lambda call: ["a planted fault"])
    await simulate.in_trio(agent, script)
""")
    result.stdout.fnmatch_lines(["*AssertionError: test_it: promises: a planted fault", "test_it, seed 0: <Call of*"])
