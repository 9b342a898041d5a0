"""``napari-sam demo``: a first look, on a bundled image with the bundled model."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from itertools import chain, count
from pathlib import Path
from typing import Any

from ..samples import SAMPLE_NAMES, Sample, load_sample
from . import arguments as arg

EXAMPLE = """\
examples:
  napari-sam demo
  napari-sam demo --sample tissue
  napari-sam demo --screenshot annotator.png
"""
LABELS = Path("labels.tif")
PICTURE = Path("overlay.png")
OPEN_DISPLAY = """
from contextlib import suppress
with suppress(ImportError):
    from qtpy.QtGui import QGuiApplication
    QGuiApplication([])
"""


def add_parser(commands: arg.Commands, parent: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "demo",
        parents=[parent],
        help="try it on a bundled image",
        description="Open napari on a bundled image with a first prompt placed. Without a screen, segment "
        f"several of its cells and write {LABELS} and {PICTURE} into this folder.",
        epilog=EXAMPLE,
        formatter_class=arg.HelpFormatter,
    )
    parser.add_argument("--sample", choices=SAMPLE_NAMES, default=SAMPLE_NAMES[0], help="which image")
    parser.add_argument(
        "--screenshot",
        type=Path,
        metavar="FILE",
        help="write a picture of the window, or of the result, and leave",
    )
    arg.add_model_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from . import outputs

    if arguments.screenshot:
        outputs.check_output(arguments.screenshot, outputs.PICTURE, overwrite=True)
    sample = load_sample(arguments.sample)
    if has_screen():
        from .window import show

        show(sample, arguments.model, arguments.device, arguments.screenshot)
    else:
        segment_without_window(sample, arguments)


def has_screen() -> bool:
    """Say whether a window can be opened here: X11 or Wayland on Linux, always on macOS and Windows."""
    if sys.platform in ("darwin", "win32"):
        return True
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    # another process tries: where nothing answers, as after a connection from afar, Qt aborts the program
    tried = subprocess.run([sys.executable, "-c", OPEN_DISPLAY], check=False)  # noqa: S603
    return tried.returncode >= 0


def segment_without_window(sample: Sample, arguments: Any) -> None:
    """Segment the cells at the sample's prompts; write labels and a picture; say so in two lines."""
    from ..files.writing import write_picture
    from ..predict import Predictor, Prompts
    from ..weights import load_model
    from .files import write_labels
    from .picture import draw
    from .segment import painted

    model = load_model(arguments.model, arguments.device)
    prompts = [Prompts([point], [1]) for point in sample.points] + [Prompts(box=box) for box in sample.boxes]
    awaiting = Prompts([sample.open_point], [1])
    began = time.perf_counter()
    predictor = Predictor(model)
    embedding = predictor.embed(sample.image)
    cells = [each.items[each.best] for each in predictor.predict_many(embedding, prompts)]
    labels = painted(cells, embedding.shape)
    candidates = predictor.predict(embedding, awaiting)
    seconds = time.perf_counter() - began
    held, picture = _free(LABELS), arguments.screenshot or _free(PICTURE)
    write_labels(held, labels)
    write_picture(picture, draw(sample.image, labels, [*prompts, awaiting], candidates))
    print(
        f"Segmented {len(cells)} cells of '{sample.title}' with {model.name} in {seconds:.1f} s; "
        f"{held} holds them as labels 1 to {len(cells)}."
    )
    print(
        f"There is no screen: {picture} shows them and the {len(candidates)} candidates of one more click. "
        "With a screen, this opens napari."
    )


def _free(path: Path) -> Path:
    """Return a path, or the first one with a number after its name where nothing is yet."""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return next(each for each in chain([path], numbered) if not each.exists())
