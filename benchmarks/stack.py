"""Time an object followed through a volume, its correction, and automatic linking, a plane.

Run ``python benchmarks/stack.py --json stack.json``. The stack is drawn: ellipsoids, blurred, on noise.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam.automatic.stack.link import label_planes, link_planes, normalized, stack_normalization
from napari_sam.automatic.stack.tracks import track_objects
from napari_sam.automatic.stack.volume import correct, propagate
from napari_sam.predict import Embedding, Predictor, Prompts
from napari_sam.weights import load_model


def draw(depth: int, side: int, count: int) -> tuple[NDArray[np.uint16], NDArray[np.int32]]:
    """Return a stack of ellipsoids that do not touch within a plane's grid, and their labels."""
    rng = np.random.default_rng(0)
    light, truth = np.zeros((depth, side, side)), np.zeros((depth, side, side), np.int32)
    across = int(np.ceil(np.sqrt(count)))
    step = side / across
    for label in range(1, count + 1):
        row, col = (np.array(divmod(label - 1, across)) + 0.5) * step + rng.uniform(-0.1, 0.1, 2) * step
        high, wide = rng.uniform(0.25, 0.4) * depth, rng.uniform(0.25, 0.35) * step
        middle = rng.uniform(0.4, 0.6) * depth
        spans = zip((middle, row, col), (high, wide, wide), light.shape, strict=True)
        box = tuple(slice(max(int(at - r), 0), min(int(at + r) + 2, end)) for at, r, end in spans)
        z, y, x = np.ogrid[box]
        distance = ((z - middle) / high) ** 2 + ((y - row) ** 2 + (x - col) ** 2) / wide**2
        truth[box][distance <= 1] = label
        light[box] = np.maximum(light[box], np.where(distance <= 1, 1 - distance / 2, 0))
    seen = ndimage.gaussian_filter(light, (0, 1, 1)) * 1000 + rng.normal(200, 30, light.shape)
    return np.clip(seen, 0, None).astype(np.uint16), truth


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return the IoU of two masks."""
    return float((one & other).sum() / (one | other).sum())


def follow(predictor: Predictor, image: NDArray[np.uint16], truth: NDArray[np.int32]) -> dict[str, float]:
    """Return seconds of following one object, first with embedding and then without, and its quality."""
    record = stack_normalization(image)

    @cache
    def embedding_of(index: int) -> Embedding:
        return predictor.embed(normalized(image[index], record), normalization=None)

    label = int(truth.max()) // 2 + 1
    places = np.argwhere(truth == label)
    plane, row, col = np.rint(places.mean(axis=0)).astype(int).tolist()
    prompts = {plane: Prompts(points=[(row, col)], point_labels=[1])}
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        found = propagate(predictor, embedding_of, prompts, len(image))
        seconds.append((time.perf_counter() - began) / len(found.planes))
    began = time.perf_counter()
    again = correct(predictor, embedding_of, found, plane + 3, next(iter(prompts.values())))
    return {
        "planes of the object": len(found.planes),
        "following it, with the embeddings, a plane": seconds[0],
        "following it, a plane": seconds[1],
        "correcting it": time.perf_counter() - began,
        "its IoU": iou(found.full_mask(), truth == label),
        "its IoU, corrected": iou(again.full_mask(), truth == label),
    }


def automatic(predictor: Predictor, image: NDArray[np.uint16], truth: NDArray[np.int32]) -> dict[str, float]:
    """Return seconds a plane of labelling, linking and tracking, and how many objects came out whole."""
    depth = len(image)
    times, computed = [time.perf_counter()], time.process_time()
    planes = label_planes(predictor, image, normalization=stack_normalization(image))
    times.append(time.perf_counter())
    computed = time.process_time() - computed
    linked = link_planes(planes)
    times.append(time.perf_counter())
    track_objects(planes)
    times.append(time.perf_counter())
    labelling, linking, tracking = (np.diff(times) / depth).tolist()
    whole = 0
    for label in range(1, int(truth.max()) + 1):
        mine = truth == label
        most = int(np.bincount(linked[mine], minlength=2)[1:].argmax()) + 1
        whole += iou(mine, linked == most) > 0.5
    return {
        "labelling, a plane": labelling,
        "labelling, a megapixel": labelling / image[0].size * 1e6,
        "labelling, a megapixel, of CPU": computed / image.size * 1e6,
        "linking, a plane": linking,
        "tracking, a plane": tracking,
        "true objects": int(truth.max()),
        "found objects": int(linked.max()),
        "of IoU over 0.5": whole,
    }


def main() -> None:
    """Print a line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--planes", type=int, default=20)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--objects", type=int, default=100)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    image, truth = draw(arguments.planes, arguments.side, arguments.objects)
    predictor = Predictor(load_model("cell-tiny", device="cpu"))
    predictor.embed(image[0])  # the first run is slower
    figures = follow(predictor, image, truth) | automatic(predictor, image, truth)
    figures["peak MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for name, value in figures.items():
        print(name, f"{value:.4g}", sep="\t")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
