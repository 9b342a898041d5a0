"""``napari-sam models``: which models there are, and whether they are here."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..errors import WeightsError
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
        formatter_class=arg.HelpFormatter,
    )
    parser.add_argument("action", choices=("list", "download", "verify"), help="what to do")
    parser.add_argument("name", nargs="?", metavar="NAME", help="which model (verify: all that are here)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    if arguments.action == "list":
        if arguments.name is not None:
            raise arg.UsageError("list shows all models; leave the name out")
        show_models()
    elif arguments.action == "verify":
        verify(arguments.name)
    elif arguments.name is None:
        raise arg.UsageError("name the model to download; `napari-sam models list` shows them")
    else:
        download_model(arguments.name)


def show_models() -> None:
    """Print a line for each known model."""
    from ..weights import list_models

    for entry in list_models():
        size = f"{entry.bytes / 1e6:,.0f} MB" if entry.bytes else ""
        place = "bundled" if entry.bundled else "here" if entry.here else ""
        print(f"{entry.name:22} {place:8} {size:>9}  {entry.licence:13} {entry.title}")


def download_model(name: str) -> None:
    """Download a model into the cache, unless it is there."""
    from ..weights import download, find_model
    from .progress import progress_bar

    entry = find_model(name)
    if entry.bundled:
        print(f"{name} is part of the package: {entry.path}")
        return
    with progress_bar(f"downloading {name}", "B") as progress:
        path = download(entry, progress)
    print(f"{name} is here: {path}")


def verify(name: str | None) -> None:
    """Check one model's file, or every file that is here.

    Raises
    ------
    WeightsError
        If a file is missing or is not what its publisher describes.
    """
    from ..weights import find_model, list_models

    for entry in [find_model(name)] if name else [entry for entry in list_models() if entry.here]:
        check_file(entry)
        print(f"{entry.name} is as published: {entry.path}")


def check_file(entry: ModelEntry) -> None:
    """Compare a model's file with its published checksum; a bundled one is read instead.

    Raises
    ------
    WeightsError
        If it is missing or differs.
    """
    import pooch

    if not entry.here:
        raise WeightsError(f"{entry.name} is not here; `napari-sam models download {entry.name}` gets it.")
    if entry.hash is None:
        from ..weights import read_checkpoint

        read_checkpoint(entry.path)
    elif not pooch.hashes.hash_matches(str(entry.path), entry.hash):
        raise WeightsError(
            f"{entry.path} is not the file that the publisher of {entry.name} describes; delete it and run "
            f"`napari-sam models download {entry.name}`."
        )
