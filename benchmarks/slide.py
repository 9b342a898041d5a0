"""Time the windows of a sparse slide, and see that memory does not grow with it.

Run ``nice python benchmarks/slide.py --sides 5000 20000 --json slide.json``. Each side runs in a process of
its own, since the peak of memory is the process's. The slide is zarr on disk: noise-free darkness with crops
of nuclei from the tests' images at random places.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import zarr

from napari_sam.automatic import segment_windows
from napari_sam.automatic.batch.files import opened
from napari_sam.weights import load_model

IMAGES = Path(__file__).parents[1] / "tests" / "data" / "dsb2018" / "images"


def make_slide(path: Path, side: int, crops: int) -> None:
    """Write a (side, side) uint8 zarr array with a few crops of nuclei."""
    with opened(IMAGES / "4327d2759187.png") as image:
        crop = np.asarray(image)
    slide = zarr.create_array(path, shape=(side, side), chunks=(512, 512), dtype="uint8", fill_value=0)
    rng = np.random.default_rng(side)
    for row, col in rng.integers(0, side - max(crop.shape), (crops, 2)):
        slide[row : row + crop.shape[0], col : col + crop.shape[1]] = crop


def measure(side: int, crops: int) -> dict[str, float]:
    """Segment one slide in this process."""
    model = load_model("cell-tiny", "cpu")
    with TemporaryDirectory() as name:
        slide, out = Path(name) / "slide.zarr", Path(name) / "labels.zarr"
        make_slide(slide, side, crops)
        began, computed = time.perf_counter(), time.process_time()
        found = segment_windows(zarr.open_array(slide, mode="r"), out, model)
        seconds, computed = time.perf_counter() - began, time.process_time() - computed
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    megapixels = side**2 / 1e6
    return {
        "side": side,
        "crops": crops,
        "objects": found.objects,
        "seconds": round(seconds, 1),
        "CPU seconds": round(computed, 1),
        "seconds per megapixel": round(seconds / megapixels, 4),
        "CPU seconds per megapixel": round(computed / megapixels, 4),
        "peak MiB": round(peak),
    }


def main() -> None:
    """Measure every side asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=[5000, 20000])
    parser.add_argument("--crops", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        torch.set_num_threads(arguments.threads)
        print(json.dumps(measure(arguments.sides[0], arguments.crops)))
        return
    results = []
    for side in arguments.sides:
        options = ["--one", "--sides", side, "--crops", arguments.crops, "--threads", arguments.threads]
        typed = [sys.executable, __file__, *map(str, options)]
        done = subprocess.run(typed, capture_output=True, text=True, check=True)  # noqa: S603 (this file)
        results.append(json.loads(done.stdout))
        print(results[-1])
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
