"""How Sphinx builds these pages; run by `nox -s docs`."""

import importlib
import pkgutil
import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import turnscope
from turnscope._version import __version__

project = "Turnscope"
author = "The Turnscope authors"
copyright = f"2026, {author}"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "turnscope_docs",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "Turnscope"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

default_role = "code"  # `name` in a docstring
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True

# Links are checked (-n), but the pages of other projects cannot be reached from here: only names of our own count. Type
# variables, and what lies in private modules, have no entry to link to.
nitpick_ignore_regex = [(r"py:.*", r"(?!turnscope\b).*|turnscope\..*\.T|turnscope\.\w+\._.*")]


def describe_constants() -> None:
    """Let every public constant and type alias be described by the string below it, in the module it was written in.

    Autodoc looks for that string only in the room that exports the name, and leaves out what it finds no words for.
    """
    for room in pkgutil.iter_modules(turnscope.__path__, "turnscope."):
        if not room.ispkg:
            continue
        package = importlib.import_module(room.name)
        described = ModuleAnalyzer.for_module(room.name)
        described.analyze()
        for module in pkgutil.iter_modules(package.__path__, f"{room.name}."):
            written = ModuleAnalyzer.for_module(module.name)
            written.analyze()
            for (owner, name), lines in written.attr_docs.items():
                if not owner and name in package.__all__:
                    described.attr_docs.setdefault(("", name), lines)


def keep_sentences(app: Sphinx, what: str, name: str, described: object, options: object, lines: list[str]) -> None:
    """Napoleon takes what stands before an attribute's first colon for its type: let it find an empty comment."""
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    describe_constants()
    app.connect("autodoc-process-docstring", keep_sentences, priority=400)  # before Napoleon's
