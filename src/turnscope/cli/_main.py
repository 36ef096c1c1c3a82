"""The command line: reads the arguments, runs the command, and turns errors into one line and an exit code."""

import argparse
import os
import sys
from collections.abc import Sequence

from turnscope._errors import AudioError, ConfigError, TurnscopeError
from turnscope._version import __version__
from turnscope.cli import _audit, _corpus, _evaluate, _explore, _replay, _schema, _score, _simulate, _sweep
from turnscope.cli._log import log_shown

__all__ = ["main"]

OK, FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 130
"""Exit codes. The last is what a shell gives for a program that Ctrl-C ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``turnscope`` with these arguments, by default those of the process, and return its exit code.

    0 is success, 1 a failure on the way, 2 an error in what was given, and 130 means stopped by Ctrl-C. An error is one
    line on standard error, and so is what the log warns of, without a traceback unless ``--debug`` was given.

    Raises:
        SystemExit: The arguments themselves are wrong, or ask for help.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without box drawings shows question marks
    options = _parser().parse_args(arguments)
    try:
        with log_shown(debug=options.debug):
            failure: str | None = options.run(options)
    except KeyboardInterrupt:
        print("turnscope: stopped", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:
        # Whoever read our output has left. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except TurnscopeError as error:
        if options.debug:
            raise
        _complain(str(error))
        return BAD_INPUT if isinstance(error, ConfigError | AudioError) else FAILED
    if failure is not None:
        _complain(failure)
        return FAILED
    return OK


def _complain(message: str) -> None:
    print(f"turnscope: error: {' '.join(message.split())}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="turnscope", description="Voice agents that can be interrupted: hold calls, and see what happened."
    )
    parser.add_argument("--version", action="version", version=f"turnscope {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _simulate.add_to(commands)
    _schema.add_to(commands)
    _explore.add_to(commands)
    _audit.add_to(commands)
    _corpus.add_to(commands)
    _evaluate.add_to(commands)
    _score.add_to(commands)
    _sweep.add_to(commands)
    _replay.add_to(commands)
    return parser
