"""``napari-sam models``: which models there are, and whether they are here."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from . import arguments as arg

if TYPE_CHECKING:
    from ..weights import ModelEntry

EXAMPLE = """\
examples:
  napari-sam models list
  napari-sam models download vit_b
  napari-sam models verify
"""


def add_parser(commands: arg.Commands, parent: argparse.ArgumentParser) -> None:
    """Add the command with its three actions."""
    parser = commands.add_parser(
        "models",
        parents=[parent],
        help="list, download or verify models",
        description="List the known models, download one, or check the files that are here.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=tuple(ACTIONS), help="what to do")
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="which model; verify takes all that are here without"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    ACTIONS[arguments.action](arguments.name)


ACTIONS = {"list": print}
