"""Time the network beside another hand's with the same weights, in one run.

Repeats of both take turns and the fastest of each counts, so that other work on the machine
disturbs both alike. Run ``python benchmarks/model.py --json model.json``; on a busy machine
``--threads 1 --cpu-time`` gives fair ratios.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from reference import reference_model
from torch import Tensor

from napari_sam.model import CELL_TINY, VIT_B, VIT_T, Features, Sam, SamConfig, keep_in

DTYPES = (torch.float32, torch.bfloat16)


@dataclass(frozen=True)
class Case:
    """What is timed; `reference` always works in float32."""

    name: str
    dtype: torch.dtype
    count: int
    ours: Callable[[], object]
    reference: Callable[[], object] | None = None


@dataclass(frozen=True)
class Row:
    """Milliseconds an image or a prompt, and how many times as fast as the reference."""

    name: str
    dtype: str
    milliseconds: float
    reference_milliseconds: float | None
    ratio: float | None


def random_sam(config: SamConfig) -> Sam:
    """Return a network with random weights, relative positions included."""
    torch.manual_seed(0)
    sam = Sam(config).eval()
    for name, parameter in sam.named_parameters():
        if "pos" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    return sam


def within(dtype: torch.dtype, device: str, work: Callable[[], object]) -> Callable[[], object]:
    """Return `work` done to its end, in float32 or under autocast."""

    def run() -> object:
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=dtype == torch.bfloat16):
            done = work()
        if device == "cuda":
            torch.cuda.synchronize()
        return done

    return run


def vit_b_cases(attention: str, device: str) -> Iterator[Case]:
    """Embed an image; decode one prompt, and 64, as `predict` does: on a CPU one by one, else at once."""
    sam = random_sam(VIT_B)
    reference = reference_model(sam, attention).to(device)
    sam.to(device)
    image, points = torch.randn(1, 3, 1024, 1024, device=device), torch.rand(64, 1, 2, device=device) * 1024
    labels = torch.ones(64, 1, dtype=torch.long, device=device)
    embedding = torch.randn(1, 64, 64, 256, device=device).permute(0, 3, 1, 2)
    step = 1 if device == "cpu" else 64

    def decode(features: Features, count: int) -> list[Tensor]:
        parts = [slice(i, min(i + step, count)) for i in range(0, count, step)]
        return [sam.decode(features, points[part], labels[part])[0] for part in parts]

    def decode_reference(count: int) -> object:
        asked = {"input_points": points[None, :count], "input_labels": labels[None, :count]}
        return reference(image_embeddings=embedding.contiguous(), **asked)

    for dtype in DTYPES:
        if device == "cpu":  # as `load_model` does; the reference has weights of its own
            keep_in(sam, dtype)
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=dtype == torch.bfloat16):
            features = sam.prepare(Features(embedding.to(dtype)))
        for count in (1, 64):
            yield Case(
                f"vit_b: decode {count}",
                dtype,
                count,
                lambda features=features, count=count: decode(features, count),
                lambda count=count: decode_reference(count),
            )
        yield Case(
            "vit_b: embed 1024",
            dtype,
            1,
            lambda: sam.encode_image(image),
            lambda: reference.get_image_embeddings(image),
        )


def vit_t_cases(device: str) -> Iterator[Case]:
    """Embed an image as MobileSAM does; its decoder is that of ViT-B."""
    sam, image = random_sam(VIT_T).to(device), torch.randn(1, 3, 1024, 1024, device=device)
    for dtype in DTYPES:
        if device == "cpu":  # as `load_model` does
            keep_in(sam, dtype)
        yield Case("vit_t: embed 1024", dtype, 1, lambda: sam.encode_image(image))


def cell_tiny_cases(device: str) -> Iterator[Case]:
    """Embed 512 x 512 at every scale; decode a point at every scale."""
    sam = random_sam(CELL_TINY).to(device)
    sides = [int(512 * scale) for scale in CELL_TINY.scales]
    images = [torch.randn(1, 3, side, side, device=device) for side in sides]
    count = len(images)
    points = torch.full((count, 1, 2), 64.0, device=device)
    labels = torch.ones(count, 1, dtype=torch.long, device=device)
    for dtype in DTYPES:
        with torch.inference_mode():
            encoded = sam.encode_image(torch.randn(count, 3, 128, 128, device=device))
            windows = Features(encoded.embedding.to(dtype), tuple(skip.to(dtype) for skip in encoded.skips))
        yield Case("cell-tiny: embed 512", dtype, 1, lambda: [sam.encode_image(image) for image in images])
        yield Case(
            "cell-tiny: decode 1",
            dtype,
            1,
            lambda windows=windows: sam.decode(windows, points, labels),
        )


def measure(case: Case, repeats: int, device: str, clock: Callable[[], float]) -> Row:
    """Time a case and its reference in turns."""
    works = [within(case.dtype, device, case.ours)]
    if case.reference is not None:
        works.append(within(torch.float32, device, case.reference))
    best = [float("inf")] * len(works)
    for _ in range(repeats):
        for i, work in enumerate(works):
            started = clock()
            work()
            best[i] = min(best[i], clock() - started)
    ours, *theirs = (1e3 * seconds / case.count for seconds in best)
    dtype = str(case.dtype).removeprefix("torch.")
    return Row(case.name, dtype, ours, *(theirs or [None]), theirs[0] / ours if theirs else None)


def main() -> None:
    """Print a table and, if asked, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--cpu-time", action="store_true", help="count the process's own time")
    parser.add_argument("--attention", choices=("sdpa", "eager"), default="sdpa", help="of the reference")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rows = []
    print(f"{'case':22} {'dtype':9} {'ms':>9} {'reference':>10} {'ratio':>6}")
    for cases in (
        cell_tiny_cases(args.device),
        vit_t_cases(args.device),
        vit_b_cases(args.attention, args.device),
    ):
        for case in cases:
            if args.only not in case.name:
                continue
            clock = time.process_time if args.cpu_time else time.perf_counter
            row = measure(case, args.repeats, args.device, clock)
            rows.append(row)
            beside = "" if row.ratio is None else f"{row.reference_milliseconds:10.1f} {row.ratio:6.2f}"
            print(f"{row.name:22} {row.dtype:9} {row.milliseconds:9.1f} {beside}", flush=True)
    if args.json:
        facts = {**vars(args), "json": str(args.json), "torch": torch.__version__}
        facts |= {"processor": platform.processor() or platform.machine()}
        args.json.write_text(json.dumps({**facts, "rows": [asdict(row) for row in rows]}, indent=1))


if __name__ == "__main__":
    main()
