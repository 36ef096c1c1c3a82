"""How this project is shown, tested, checked and documented; needs Python, nox and a package index, nothing else."""

from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "virtualenv"  # comes with nox; `venv` is missing from some systems' Python
nox.options.error_on_external_run = True
nox.options.reuse_venv = "yes"

PYPROJECT = nox.project.load_toml("pyproject.toml")

# Sums in another order round differently, so a run is the same to the sample only with as many threads as before: one.
ONE_THREAD = {
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
}

EVERYTHING = ".[local,webrtc,dask,parquet,plots]"

WORKERS = "2"
"""Processes that run tests side by side. Tests that look at the wall clock want cores that are not all busy."""

CHECKED = ["src", "tests", "examples", "benchmarks", "tools", "docs", "noxfile.py"]

REPEATABLE = "--hypothesis-profile=repeatable"
"""Property tests draw the same examples each time. By hand, and in `slow`, they draw new ones."""

PROOFS = [
    "tests/core/test_floor_properties.py",
    "tests/session/test_cancel_anywhere.py",
    "tests/session/test_contract.py",
    "tests/session/test_heard_prefix.py",
    "tests/session/test_tools_anywhere.py",
    "tests/sim/test_exploring.py",
    "tests/testing/test_strategies.py",
]
"""What takes long, and is the same with extras and without: it is run once."""


def group(name: str) -> list[str]:
    """The requirements of a dependency group."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


@nox.session
def demo(session: nox.Session) -> None:
    """Hold a conversation with a recorded caller who interrupts, and show what happened."""
    session.install(".[local]")
    scenario = "examples/barge_in/barge_in.scenario.toml"
    session.run("turnscope", "simulate", scenario, "--out", "out/demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, those with real speech models and a cluster included."""
    session.install(EVERYTHING, *group("tests"))
    session.run("pytest", "-n", WORKERS, REPEATABLE, "-m", "not slow", *session.posargs, env=ONE_THREAD)


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Run the same tests, and report the coverage of lines and branches: that takes twice as long."""
    session.install(EVERYTHING, *group("tests"))
    arguments = ("--cov", "--cov-report=term", "-m", "not slow", *session.posargs)
    session.run("pytest", "-n", WORKERS, REPEATABLE, *arguments, env=ONE_THREAD)


@nox.session
def tests_core(session: nox.Session) -> None:
    """Run the tests that need none of the extras where none are installed."""
    session.install(".", *group("tests"))
    arguments = (*(f"--ignore={path}" for path in PROOFS), "-m", "not slow and not models", *session.posargs)
    session.run("pytest", "-n", WORKERS, REPEATABLE, *arguments, env=ONE_THREAD)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting, and the rules of Trio."""
    session.install(*group("lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")
    session.run("flake8", "--select", "ASYNC", *CHECKED)


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types inside, and that every type of the public API is known to its users."""
    session.install(".", *group("typing"))
    session.run("mypy", *CHECKED)
    session.run("pyright", "--verifytypes", "turnscope", "--ignoreexternal")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error."""
    session.install(".[pytest,hypothesis]", *group("docs"))
    session.run("sphinx-build", "-W", "-n", "--keep-going", "-b", "html", "docs", "docs/_build/html", *session.posargs)


@nox.session
def features(session: nox.Session) -> None:
    """Print which tests show which feature; a promised one without a test is an error."""
    session.run("python", "tools/features.py")


@nox.session
def examples(session: nox.Session) -> None:
    """Run every example: scripts by Python, tests and scenarios by pytest."""
    session.install(".[local]", *group("tests"))
    for script in sorted(Path("examples").rglob("*.py")):
        if not script.name.startswith(("test_", "conftest", "_", "noxfile")):
            session.run("python", str(script))
    session.run("pytest", "examples")


@nox.session(default=False)
def newcomer(session: nox.Session) -> None:
    """Follow the page for newcomers word for word, in a new folder with an environment of its own."""
    session.run("python", "tools/newcomer.py", "docs/ten-minutes.md", *session.posargs)


@nox.session(default=False)
def slow(session: nox.Session) -> None:
    """Run the long tests: ten thousand interrupted turns, a cancellation at every step in every way, all models."""
    session.install(EVERYTHING, *group("tests"))
    session.run("pytest", "-m", "slow", *session.posargs, env=ONE_THREAD)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure what is worth measuring on this machine; each benchmark prints ratios of one run."""
    session.install(".[local]", *group("tests"))
    for script in sorted(Path("benchmarks").glob("bench_*.py")):
        session.run("python", "-m", f"benchmarks.{script.stem}", *session.posargs, env=ONE_THREAD)


@nox.session(default=False)
def sweep(session: nox.Session) -> None:
    """Hold the demo with the barge-in at every 10 ms and a cut at every await, under 20 schedules each."""
    session.install(".[local]")
    options = ("--awaits", "--jobs", WORKERS, *session.posargs)
    session.run("turnscope", "explore", "examples/barge_in/barge_in.scenario.toml", *options, env=ONE_THREAD)


@nox.session(default=False)
def evaluate(session: nox.Session) -> None:
    """Make a corpus and measure on its test split how well the default agent judges interruptions: some minutes."""
    session.install(".[local]")
    corpus = Path("out/corpus")
    if not (corpus / "manifest.jsonl").exists():
        session.run("turnscope", "corpus", str(corpus), env=ONE_THREAD)
    session.run("turnscope", "evaluate", str(corpus), *session.posargs, env=ONE_THREAD)
