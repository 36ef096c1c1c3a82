"""What Sphinx has to learn for these pages: a drawing of the transition table, and where public names live."""

import importlib
import pkgutil
from collections.abc import Mapping
from enum import Enum
from types import FunctionType

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

import turnscope
from state_diagram import state_diagram_svg


class StateDiagram(SphinxDirective):
    """``state-diagram:: package.module:NAME`` draws the table NAME, ``{(from_state, trigger): to_state}`` of enums."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Import the table and draw it."""
        module, _, name = self.arguments[0].partition(":")
        table: Mapping[tuple[Enum, Enum], Enum] = getattr(importlib.import_module(module), name)
        rows = [(source.value, trigger.value, target.value) for (source, trigger), target in table.items()]
        return [nodes.raw("", state_diagram_svg(rows), format="html")]


def publish_names() -> None:
    """Let every public object say that it lives in its room, not in the private module it was written in.

    Users import it from the room, so that is what signatures should say and links should lead to.
    """
    for module in pkgutil.iter_modules(turnscope.__path__, "turnscope."):
        if not module.ispkg:
            continue
        room = importlib.import_module(module.name)
        for name in getattr(room, "__all__", ()):
            public = getattr(room, name)
            if isinstance(public, type | FunctionType) and public.__module__.startswith(module.name + "._"):
                public.__module__ = module.name


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register everything above."""
    publish_names()
    app.add_directive("state-diagram", StateDiagram)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
