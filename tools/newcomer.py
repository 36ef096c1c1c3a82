"""Follows a page of the docs as a newcomer would: writes the files it shows, runs the commands, compares the output.

``python tools/newcomer.py docs/ten-minutes.md [FOLDER]`` does it word for word in a new folder;
``tests/docs/test_ten_minutes.py`` does it without the commands that install anything.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parent.parent

BLOCK = re.compile(r"^```(?P<info>\{literalinclude\} (?P<path>\S+)|sh|text)\n(?P<body>.*?)^```$", re.DOTALL | re.M)
CAPTION = re.compile(r"^:caption: (\S+)$", re.MULTILINE)
FAILS = re.compile(r"^(FAILED|ERROR) |\d+ failed", re.MULTILINE)
MARK = "@@@"


@dataclass(frozen=True)
class Step:
    """What the page tells the reader to do, or to see.

    Attributes:
        kind: ``file`` to write, commands to ``run``, or ``output`` of those before it, of which parts may be left out.
        text: What stands in the block; of a file, what is in it.
        name: Of the file.
        fails: Whether the last of the commands fails.
    """

    kind: Literal["file", "run", "output"]
    text: str
    name: str = ""
    fails: bool = False


def steps(page: Path) -> list[Step]:
    """What a page tells the reader to do, in order."""
    found: list[Step] = []
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if block["path"]:
            caption = CAPTION.search(block["body"])
            assert caption, f"{page}: a file without a caption: {block['path']}"
            text = (page.parent / block["path"]).read_text(encoding="utf-8")
            found.append(Step("file", text, caption[1]))
        elif block["info"] == "sh":
            found.append(Step("run", block["body"]))
        else:
            assert found[-1].kind == "run", f"{page}: output of nothing: {block['body']}"
            found[-1] = replace(found[-1], fails=FAILS.search(block["body"]) is not None)
            found.append(Step("output", block["body"]))
    return found


def script(todo: list[Step]) -> str:
    """A script for bash that does it all in one shell, as a reader would, and marks where each step ends."""
    lines = []
    for step in todo:
        if step.kind == "file":
            lines.append(f"printf %s {shlex.quote(step.text)} > {shlex.quote(step.name)}")
        elif step.kind == "run":
            lines.append(f"{{\n{step.text}}}\necho {MARK} $?")
    return "\n".join(lines) + "\n"


def follow(page: Path, folder: Path, environment: Mapping[str, str], *, without: str = r"(?!)") -> list[str]:
    """Do what a page says.

    Args:
        page: The page.
        folder: Where to.
        environment: For the commands.
        without: A regular expression; commands that it is found in are left out, and so is their output if there are
            no others with them.

    Returns:
        What was not as the page says.
    """
    todo = _without(steps(page), without)
    done = subprocess.run(
        ["bash", "-c", script(todo)],
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    parts = re.split(rf"^{MARK} (\d+)\n", done.stdout, flags=re.MULTILINE)
    outputs = list(zip(parts[0::2], parts[1::2], strict=False))
    wrong: list[str] = []
    said = ""
    for step in todo:
        if step.kind == "run":
            if not outputs:
                return [*wrong, f"never came to: {step.text}\n{parts[-1]}"]
            said, status = outputs.pop(0)
            if (status != "0") != step.fails:
                wrong.append(f"exit code {status} of: {step.text}\n{said}")
        elif step.kind == "output":
            missing = [line for line in step.text.splitlines() if not _holds(said, line)]
            if missing:
                wrong.append("\n".join(["the page shows, and it did not come:", *missing, "What came:", said]))
    return wrong


def _without(todo: list[Step], pattern: str) -> list[Step]:
    kept: list[Step] = []
    left_out = False
    for step in todo:
        if step.kind == "run":
            lines = [line for line in step.text.splitlines(keepends=True) if not re.search(pattern, line)]
            step, left_out = replace(step, text="".join(lines)), not lines
        if not left_out or step.kind == "file":
            kept.append(step)
    return kept


def _holds(said: str, line: str) -> bool:
    """Whether a line came; three dots stand for anything."""
    pattern = ".*".join(re.escape(part) for part in line.rstrip().split("…"))
    return re.search(rf"^{pattern}$", said, re.MULTILINE) is not None


def main() -> int:
    """Follow a page; say what is not as it says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("folder", type=Path, nargs="?", help="where to; by default it is removed afterwards")
    options = parser.parse_args()
    if options.folder is not None:
        options.folder.mkdir(parents=True)
        return followed(options.page, options.folder)
    with tempfile.TemporaryDirectory() as folder:
        return followed(options.page, Path(folder))


def followed(page: Path, folder: Path) -> int:
    """Follow `page` in `folder`; the exit code."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    wrong = follow(page, folder, {**environment, "TURNSCOPE": str(ROOT), "COLUMNS": "100"})
    print("\n\n".join(wrong) or f"{page}: everything is as it says")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
