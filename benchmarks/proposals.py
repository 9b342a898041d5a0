"""What an answer to one of many proposals takes of the window's thread. Needs a screen, or Xvfb."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

import numpy as np
from objects import middle, open_annotator, timed, wait_until
from skimage.draw import ellipse

from napari_sam.session import Edit, Object

TIMES = 8


def main() -> None:
    """Time everything, and print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=2048, metavar="PIXELS")
    parser.add_argument("--proposals", type=int, nargs="+", default=[10, 1000])
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    os.environ["NAPARI_SAM_CONFIG"] = tempfile.mkdtemp()  # not what the person who runs this prefers
    report = [measured(arguments.side, count) for count in arguments.proposals]
    for found in report:
        print(json.dumps(found))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def measured(side: int, count: int) -> dict[str, object]:
    """Return the median milliseconds of CPU of each kind of answer, among so many proposals."""
    viewer, widget, _ = open_annotator(side)
    reviewing, annotation = widget.reviewing, widget.annotation
    assert reviewing is not None  # noqa: S101 (the annotator has started)
    assert annotation is not None  # noqa: S101
    widget.pages.setCurrentIndex(0)
    reviewing.review.put(Edit("found", (), tuple(ellipses(side, count))))
    wait_until(lambda: False, 1)
    acts = {
        "look at the next": lambda: reviewing.step(1),
        "accept": reviewing.accept,
        "take it back": annotation.editing.undo,
        "reject": reviewing.reject,
        "take that back": annotation.editing.undo,
    }
    taken = {name: [] for name in acts}
    for _ in range(TIMES):
        for name, act in acts.items():
            taken[name].append(timed(act))
    viewer.close()
    return {
        "side": side,
        "proposals": count,
        "gui_thread_ms": {k: middle(tuple(v)) for k, v in taken.items()},
    }


def ellipses(side: int, count: int) -> list[Object]:
    """Return proposals of all scores, evenly over the image."""
    draw, across = np.random.default_rng(0), int(np.ceil(np.sqrt(count)))
    pitch = side // across
    made = []
    for number in range(count):
        down, along = draw.integers(4, min(pitch // 2, 40), 2)
        mask = np.zeros((2 * down + 1, 2 * along + 1), bool)
        mask[ellipse(down, along, down, along, shape=mask.shape)] = True
        corner = (pitch * (number // across), pitch * (number % across))
        made.append(Object(number + 1, (), corner, mask, score=float(draw.random())))
    return made


if __name__ == "__main__":
    main()
