"""How our project is tested: ``nox``."""

import nox


@nox.session
def calls(session: nox.Session) -> None:
    """Hold every call; those that fail can be listened to in out/failed."""
    session.install("turnscope[pytest]")
    session.run("pytest", "--turnscope-artifacts", "out/failed", *session.posargs)
