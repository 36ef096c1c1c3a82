"""The command line: what `turnscope` does when it is typed."""

from turnscope.cli._main import main

__all__ = ["main"]
