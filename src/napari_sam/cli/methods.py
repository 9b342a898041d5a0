"""``napari-sam methods``: the paragraph and the citations of a paper, from a journal."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import arguments as arg

EXAMPLE = """\
examples:
  napari-sam methods "plate 1.napari-sam/plate 1 cells.journal"
  napari-sam methods cells.journal --bibtex > cells.bib
"""


def add_parser(commands: arg.Commands, parent: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "methods",
        parents=[parent],
        help="write the paragraph and the citations for a paper, from a journal",
        description="Print how the objects of a session were made, as a paragraph for a methods section, and"
        " what it cites.",
        epilog=EXAMPLE,
        formatter_class=arg.HelpFormatter,
    )
    parser.add_argument("journal", type=Path, metavar="JOURNAL", help="of a session in napari")
    parser.add_argument("--bibtex", action="store_true", help="print only the citations, as BibTeX")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from ..session.journal.methods import paragraph, references
    from ..session.journal.record import read_record
    from .files import tell_of_damage

    record = read_record(arguments.journal)
    tell_of_damage(record)
    cited = references(record)
    if arguments.bibtex:
        print("\n\n".join(each.bibtex for each in cited))
        return
    print(paragraph(record))
    print("\nReferences\n")
    for each in cited:
        print(f"- {each.text}")
