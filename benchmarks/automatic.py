"""Time masks without prompts: the grid beside the paper's procedure, a plane, and one or two workers.

Run ``nice python benchmarks/automatic.py --json automatic.json`` with OMP_NUM_THREADS=1. The reference asks
transformers' network (see reference.py) with the same weights, and does what the paper says (section 5 and
appendix B) one step after another. The weights are the small SAM of the tests, whose masks mean something,
and the image is that of the tests, enlarged. Every measurement runs in a process of its own, since the
peak of memory is the process's. CPU seconds are those of the process; they tell little of other work.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as rle
from reference import reference_model
from torch.nn import functional as F

from napari_sam.automatic import GridSettings, grid_masks, segment_automatically
from napari_sam.automatic.batch.cluster import on_cluster
from napari_sam.automatic.batch.image import BatchSettings
from napari_sam.automatic.batch.run import run_batch
from napari_sam.automatic.filter import suppress
from napari_sam.predict import Predictor
from napari_sam.weights import LoadedModel, load_model

TESTS = Path(__file__).parents[1] / "tests"
SETTINGS = GridSettings(predicted_iou=0.5, stability=0.8)
Annotations = list[dict[str, Any]]
Pixels = NDArray[np.uint8]


def picture(times: int) -> Pixels:
    """Return the tests' image, so many times as high and as wide."""
    with np.load(TESTS / "parity" / "sam_small_cases.npz") as cases:
        image = Image.fromarray(cases["image"])
    return np.asarray(image.resize((image.width * times, image.height * times), Image.Resampling.BICUBIC))


def small_sam() -> LoadedModel:
    """Return the tests' small SAM."""
    return load_model(TESTS / "parity" / "sam_small.safetensors", "cpu", precision="float32")


def ours(times: int) -> Callable[[], Annotations]:
    """Return our grid, ready to run."""
    predictor, image = Predictor(small_sam()), picture(times)

    def run() -> Annotations:
        records = grid_masks(predictor, image, SETTINGS, normalization=None)
        return [record.to_annotation(image.shape[:2]) for record in records]

    return run


def reference(times: int) -> Callable[[], Annotations]:
    """Return the paper's procedure with the other network, ready to run."""
    sam, image = small_sam().sam, picture(times)
    model = reference_model(sam)

    @torch.inference_mode()
    def run() -> Annotations:
        size, shape = sam.config.image_size, image.shape[:2]
        scale = size / max(shape)
        seen = (int(shape[0] * scale + 0.5), int(shape[1] * scale + 0.5))
        resized = np.array(Image.fromarray(image).resize(seen[::-1], Image.Resampling.BILINEAR))
        tensor = sam.normalize(torch.from_numpy(resized).permute(2, 0, 1).float()[None])
        padded = F.pad(tensor, (0, size - seen[1], 0, size - seen[0]))
        embedding = model.get_image_embeddings(padded)
        found: Annotations = []
        for points in torch.from_numpy(grid_xy(shape)).split(SETTINGS.points_per_batch):
            inside = points * torch.tensor([seen[1] / shape[1], seen[0] / shape[0]])
            answer = model(
                image_embeddings=embedding,
                input_points=inside[None, :, None].float(),
                input_labels=torch.ones(1, len(points), 1, dtype=torch.long),
                multimask_output=True,
            )
            logits = F.interpolate(answer.pred_masks[0], (size, size), mode="bilinear")
            logits = F.interpolate(logits[..., : seen[0], : seen[1]], shape, mode="bilinear")
            found += good_ones(logits.flatten(0, 1), answer.iou_scores[0].flatten(), points)
        boxes = np.array([corners(each["bbox"]) for each in found], float).reshape(-1, 4)
        scores = np.array([each["predicted_iou"] for each in found])
        return [found[index] for index in suppress(boxes, scores, SETTINGS.box_overlap)]

    return run


def grid_xy(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the grid's points (x, y) in pixels, row by row."""
    share = (np.arange(SETTINGS.points_per_side) + 0.5) / SETTINGS.points_per_side
    rows, cols = np.meshgrid(share * shape[0], share * shape[1], indexing="ij")
    return np.stack([cols.ravel(), rows.ravel()], axis=1)


def good_ones(logits: torch.Tensor, ious: torch.Tensor, points: torch.Tensor) -> Annotations:
    """Keep the masks of a batch, (N, Y, X), that promise enough and are stable; three of each point."""
    kept = ious > SETTINGS.predicted_iou
    places, logits, ious = points.repeat_interleave(3, dim=0)[kept], logits[kept], ious[kept]
    inner = (logits > SETTINGS.stability_offset).sum((-1, -2))
    outer = (logits > -SETTINGS.stability_offset).sum((-1, -2))
    stability = inner / outer
    found = []
    for index in torch.nonzero(stability >= SETTINGS.stability).flatten().tolist():
        mask = (logits[index] > 0).numpy()
        rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        counts = rle.encode(np.asfortranarray(mask, np.uint8))["counts"].decode("ascii")
        found.append(
            {
                "segmentation": {"size": list(mask.shape), "counts": counts},
                "bbox": [int(v) for v in (cols[0], rows[0], cols[-1] - cols[0], rows[-1] - rows[0])],
                "predicted_iou": float(ious[index]),
                "point_coords": [places[index].tolist()],
            }
        )
    return found


def corners(bbox: list[int]) -> tuple[int, int, int, int]:
    """Return first and last row and column of [x, y, width, height]."""
    x, y, width, height = bbox
    return y, x, y + height, x + width


def plane(side: int) -> Callable[[], Annotations]:
    """Return "auto" of cell-tiny on a (side, side) plane of nuclei, ready to run."""
    model, image = load_model("cell-tiny", "cpu", precision="float32"), nuclei(side)

    def run() -> Annotations:
        labels = segment_automatically(image, model)
        return [{"objects": int(labels.max())}]

    return run


def nuclei(side: int) -> Pixels:
    """Return a plane that the tests' image of nuclei, and its mirror images, cover."""
    with Image.open(TESTS / "data" / "dsb2018" / "images" / "4327d2759187.png") as file:
        grey = np.asarray(file.convert("L"))
    return np.pad(grey, [(0, max(side - length, 0)) for length in grey.shape], mode="symmetric")[:side, :side]


def measure(what: str, size: int) -> dict[str, Any]:
    """Run one measurement in this process."""
    run = {"ours": ours, "reference": reference, "plane": plane}[what](size)
    torch.set_num_threads(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    found = run()
    return {
        "CPU seconds": round(time.process_time() - cpu, 2),
        "seconds": round(time.perf_counter() - wall, 2),
        "peak MiB beyond the loaded model": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        // 1024,
        "found": found,
    }


def in_turns(names: list[str], size: int, repeat: int) -> dict[str, dict[str, Any]]:
    """Measure each in processes of its own, in turns, and return the fastest of each."""
    best: dict[str, dict[str, Any]] = {}
    for _ in range(repeat):
        for name in names:
            typed = [sys.executable, __file__, "--one", name, "--size", str(size)]
            done = subprocess.run(typed, capture_output=True, text=True, check=True)  # noqa: S603 (this file)
            result = json.loads(done.stdout)
            if name not in best or result["CPU seconds"] < best[name]["CPU seconds"]:
                best[name] = result
    return best


def compare(one: Annotations, other: Annotations) -> dict[str, Any]:
    """Say how alike two lists of masks are, in their order."""
    pairs = [(a["segmentation"], b["segmentation"]) for a, b in zip(one, other, strict=False)]
    ious = [float(rle.iou([a], [b], [0])[0, 0]) for a, b in pairs]
    return {
        "masks": len(one),
        "masks of the reference": len(other),
        "least IoU of a pair": round(min(ious, default=0.0), 5),
    }


def workers(count: int, images: int, side: int) -> float:
    """Return seconds for a batch on a local cluster whose workers have loaded everything."""
    import distributed

    settings = BatchSettings(device="cpu")
    with (
        TemporaryDirectory() as name,
        distributed.LocalCluster(
            n_workers=count, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
    ):
        folder, seen = Path(name), nuclei(side)
        paths = [folder / "images" / f"{index}.png" for index in range(images)]
        paths[0].parent.mkdir()
        for index, path in enumerate(paths):
            Image.fromarray(np.roll(seen, 7 * index, axis=0)).save(path)
        run = on_cluster(cluster.scheduler_address)
        run_batch(paths[: 2 * count], folder / "warm", settings, run=run)
        began = time.perf_counter()
        ended: list[float] = []
        rows = run_batch(
            paths, folder / "out", settings, run=run, told=lambda _: ended.append(time.perf_counter())
        )
        assert not any(row.error for row in rows)  # noqa: S101 (a failure would be quick)
    return ended[-1] - began


def main() -> None:
    """Print a line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", choices=("ours", "reference", "plane"), help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, default=4, help=argparse.SUPPRESS)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--side", type=int, default=1024, help="of the plane that auto is timed on")
    parser.add_argument("--images", type=int, default=12, help="of 512 x 512 for the workers")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one, arguments.size)))
        return
    results: dict[str, Any] = {}

    def note(name: str, figures: dict[str, Any]) -> None:
        results[name] = figures
        print(name, figures, sep="\t", flush=True)

    grids = in_turns(["ours", "reference"], arguments.size, arguments.repeat)
    found = {name: figures.pop("found") for name, figures in grids.items()}
    for name, figures in grids.items():
        note(name, figures)
    note("alike", compare(found["ours"], found["reference"]))
    (figures,) = in_turns(["plane"], arguments.side, arguments.repeat).values()
    megapixels = arguments.side**2 / 1e6
    note("plane", figures | {"CPU seconds a megapixel": figures["CPU seconds"] / megapixels})
    for count in (1, 2):
        seconds = min(workers(count, arguments.images, 512) for _ in range(arguments.repeat))
        note(f"{count} workers", {"images": arguments.images, "seconds": round(seconds, 2)})
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
