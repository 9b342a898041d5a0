"""Time a batch on a local cluster of one worker, and of two: how far more workers help.

Run ``OMP_NUM_THREADS=1 python benchmarks/workers.py --json workers.json`` on an idle machine with a core for
each worker. The images are the tests' nuclei, each shifted otherwise; a first batch, which is not timed,
lets every worker load the model.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import distributed
import numpy as np
from PIL import Image

from napari_sam.automatic.batch.cluster import on_cluster
from napari_sam.automatic.batch.files import opened
from napari_sam.automatic.batch.image import BatchSettings
from napari_sam.automatic.batch.run import run_batch

NUCLEI = Path(__file__).parents[1] / "tests" / "data" / "dsb2018" / "images" / "4327d2759187.png"
SETTINGS = BatchSettings(device="cpu")


def make_images(folder: Path, count: int, side: int) -> list[Path]:
    """Write (side, side) pictures that are as full as each other."""
    with opened(NUCLEI) as image:
        nuclei = np.asarray(image)
    repeats = [side // length + 1 for length in nuclei.shape[:2]]
    plane = np.tile(nuclei, (*repeats, *[1] * (nuclei.ndim - 2)))[:side, :side]
    paths = []
    for index in range(count):
        paths.append(folder / f"{index}.png")
        Image.fromarray(np.roll(plane, 37 * index, axis=(0, 1))).save(paths[-1])
    return paths


def measure(workers: int, images: list[Path], out: Path) -> dict[str, float]:
    """Segment the images on a new cluster, whose workers have loaded the model before."""
    with distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster:
        run = on_cluster(cluster.scheduler_address)
        run_batch(images[: 2 * workers], out / f"first{workers}", SETTINGS, run=run)
        began = time.perf_counter()
        rows = run_batch(images, out / f"timed{workers}", SETTINGS, run=run)
        seconds = time.perf_counter() - began
    return {
        "workers": workers,
        "images": len(rows),
        "failed": sum(bool(row.error) for row in rows),
        "objects": sum(row.objects for row in rows),
        "seconds": round(seconds, 2),
        "seconds of an image": round(float(np.mean([row.seconds for row in rows])), 2),
    }


def main() -> None:
    """Print a line for each number of workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = []
    with TemporaryDirectory() as name:
        images = make_images(Path(name), arguments.images, arguments.side)
        for workers in arguments.workers:
            results.append(measure(workers, images, Path(name)))
            print(results[-1])
    print(f"times as fast: {results[0]['seconds'] / results[-1]['seconds']:.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
