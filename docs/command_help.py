"""A directive for Sphinx: what ``napari-sam COMMAND --help`` prints, as it is when the pages are built."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from napari_sam.cli.main import helps


class CommandHelp(SphinxDirective):
    """A section for every command."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        return [_section(name, text) for name, text in helps().items()]


def _section(name: str, text: str) -> nodes.section:
    section = nodes.section(ids=[nodes.make_id(name)], names=[name])
    section += nodes.title(text=name)
    section += nodes.literal_block(text, text, language="text")
    return section


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx know the directive."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
