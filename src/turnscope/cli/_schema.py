"""``turnscope schema``: prints the JSON Schema of scenario files, for editors."""

import argparse
import json

from turnscope.sim import scenario_schema

__all__ = ["add_to"]

DESCRIPTION = """\
Print the JSON Schema (draft 7) of scenario files. Editors complete and check them by it: save it as
scenario.schema.json and begin each scenario with the line

  #:schema scenario.schema.json
"""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to those of the program."""
    parser = commands.add_parser(
        "schema",
        help="print the JSON Schema of scenario files",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    print(json.dumps(scenario_schema(), ensure_ascii=False, indent=2))
