"""Time embeddings computed, written, and read from a disk that has to fetch them anew.

Run ``python benchmarks/embeddings.py --json embeddings.json``. The fastest of a few repeats counts.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from model import random_sam
from napari_sam.model import VIT_B
from napari_sam.predict import Predictor
from napari_sam.predict.image import to_rgb
from napari_sam.session.embedding_file import save, size
from napari_sam.session.embeddings import EmbeddingStore, worth_storing
from napari_sam.weights import LoadedModel, load_model


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Return how long the fastest of some repeats took."""
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def forget(folder: Path) -> None:
    """Let the system drop its copies of files, where it can be asked to."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(predictor: Predictor, image: NDArray[np.uint8], repeats: int) -> dict[str, float | str]:
    """Return seconds of computing, writing and reading one embedding, and its size."""
    pixels, record = to_rgb(image)
    levels = predictor.encode(pixels, record)
    computed = seconds(lambda: predictor.encode(pixels, record), repeats)
    with TemporaryDirectory() as name:
        folder = Path(name)
        written = seconds(lambda: save(folder / "entry", levels), repeats)
        (folder / "entry").unlink()
        store = EmbeddingStore(folder)
        store.embed(predictor, image)

        def cold() -> float:
            forget(folder)
            return seconds(lambda: store.embed(predictor, image), 1)

        read, again = (
            min(cold() for _ in range(repeats)),
            seconds(lambda: store.embed(predictor, image), repeats),
        )
    return {
        "model": predictor.model.name,
        "side": len(image),
        "megabytes": size(levels) / 1e6,
        "computed": computed,
        "written": written,
        "read from disk": read,
        "read again": again,
        "stored": str(worth_storing(computed, levels)),
    }


def main() -> None:
    """Print a line a model and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    vit = LoadedModel("vit_b", random_sam(VIT_B), torch.device("cpu"), torch.float32, "random")
    tiny = load_model("cell-tiny", device="cpu")
    rng = np.random.default_rng(0)
    rows = []
    for model, sides in ((tiny, (512, 1024, 2048)), (vit, (1024,))):
        for side in sides:
            image = rng.integers(0, 255, (side, side), np.uint8)
            rows.append(measure(Predictor(model), image, arguments.repeats))
            print(
                *(f"{each:.3f}" if isinstance(each, float) else each for each in rows[-1].values()), sep="\t"
            )
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
