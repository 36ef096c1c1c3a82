import pytest

# The pytest inside a test forgets what it was the first to import, and numpy cannot be imported twice.
import turnscope.testing._plugin  # noqa: F401
from tests.testing.project import SHOP, Run


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest on a module of tests, beside which there is `shop`, an agent and what a caller does."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makepyfile(shop=SHOP)

    def run_pytest(tests: str = "", *arguments: str, config: str = "") -> pytest.RunResult:
        pytester.makeini(f"[pytest]\n{config}\n")
        if tests:
            pytester.makepyfile(test_it=f"import pytest\nimport trio\nfrom shop import agent, script\n{tests}")
        return pytester.runpytest_inprocess("-p", "pytest_turnscope", "-p", "no:xdist", *arguments)

    return run_pytest
