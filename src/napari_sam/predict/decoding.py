"""From prompts to the decoder's own answers: windows chosen, coordinates turned, prompts batched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_sam.model import Features, SamConfig
from napari_sam.model.windows import cut_windows
from napari_sam.weights import LoadedModel

from .candidates import Decoded
from .embedding import Embedding
from .frames import Frame, Layout, Positions, Window, whole_frame
from .prompts import MaskPrompt, Prompts
from .resampling import covered_extent, resample
from .running import running

CPU_TOKENS = 1 << 12
"""Image tokens decoded together on a CPU, where what is worked on should stay in the cache."""
GPU_TOKENS = 1 << 19
"""The same elsewhere, where large products are fast ones."""
SPILL = -8.0
"""Logit of what an earlier mask could not see."""


@dataclass(frozen=True, eq=False)
class Query:
    """Prompts of one object in one window.

    Attributes
    ----------
    window : Window
    points : (N, 2) float64
        (row, col) in input pixels of the window.
    labels : (N,) int64
    box : (2, 2) float64, optional
        First and last corner, in input pixels of the window.
    mask : (size, size) float32, optional
        Logits over the window.
    """

    window: Window
    points: Positions
    labels: NDArray[np.int64]
    box: Positions | None
    mask: NDArray[np.float32] | None

    @property
    def kind(self) -> tuple[int, bool, bool]:
        """What the queries of one batch have in common."""
        return len(self.points), self.box is not None, self.mask is not None


def layout_of(embedding: Embedding, config: SamConfig) -> Layout:
    """Return the grid of a windowed model on an image."""
    return Layout(embedding.scales, config.image_size, config.stride)


def queries_for(prompts: Prompts, embedding: Embedding, config: SamConfig) -> list[Query]:
    """Turn one object's prompts into queries, one a window.

    Parameters
    ----------
    prompts : Prompts
        Within the image.
    embedding : Embedding
    config : SamConfig
    """
    whole = whole_frame(embedding.shape, config.image_size)
    mask = framed_mask(prompts, whole)
    if not config.windowed:
        return [_query(prompts, mask, Window(0, (0, 0), whole), embedding, config)]
    layout, count = layout_of(embedding, config), len(embedding.levels)
    if mask is None:
        windows = layout.windows(prompts.inside, prompts.box is not None, count)
    else:
        extent = covered_extent(mask.logits, mask.frame)
        windows = layout.mask_windows(mask.frame, prompts.inside, extent, count)
    return [_query(prompts, mask, window, embedding, config) for window in windows]


def framed_mask(prompts: Prompts, whole: Frame) -> MaskPrompt | None:
    """Return the mask prompt with its place; bare logits cover the whole image."""
    return MaskPrompt(prompts.mask, whole) if isinstance(prompts.mask, np.ndarray) else prompts.mask


def finer_queries(
    prompts: Prompts, extent: Positions, embedding: Embedding, config: SamConfig
) -> list[Query]:
    """Ask for points again at finer scales where a mask that they may mean is small.

    Parameters
    ----------
    prompts : Prompts
        Within the image.
    extent : (2 or 0, 2)
        The least and largest data positions that the mask covers.
    embedding : Embedding
    config : SamConfig
    """
    if prompts.mask is not None or prompts.box is not None or not embedding.fine:
        return []
    windows = layout_of(embedding, config).finer_windows(prompts.inside, extent, len(embedding.levels))
    return [_query(prompts, None, window, embedding, config) for window in windows]


def _query(
    prompts: Prompts,
    mask: MaskPrompt | None,
    window: Window,
    embedding: Embedding,
    config: SamConfig,
) -> Query:
    frame = window.frame
    points, labels = prompts.positions, prompts.labels
    if config.windowed:
        # a window's mask cannot reach a negative point beyond it, which therefore says nothing
        heard = (labels == 1) | frame.contains(points)
        points, labels = points[heard], labels[heard]
    corners = None if prompts.box is None else np.reshape(np.array(prompts.box), (2, 2))
    logits = None
    if mask is not None:
        size = config.low_res_size
        same = mask.frame == frame and mask.logits.shape == (size, size)
        logits = mask.logits if same else resample(mask.logits, mask.frame, frame, size, SPILL)
    to_input = frame.to_input
    if not config.windowed:
        # Meta scales rows and columns by the resized shape, which is rounded
        factors = np.array(embedding.levels[0].extent) / np.array(embedding.shape)
        return Query(window, points * factors, labels, None if corners is None else corners * factors, logits)
    return Query(window, to_input(points), labels, None if corners is None else to_input(corners), logits)


def decode(model: LoadedModel, embedding: Embedding, queries: Sequence[Query]) -> list[list[Decoded]]:
    """Decode queries in batches of one kind; return the four masks of each, in their order."""
    answers: list[list[Decoded]] = [[] for _ in queries]
    tokens = CPU_TOKENS if model.device.type == "cpu" else GPU_TOKENS
    limit = tokens // model.sam.config.embedding_size**2
    for indices in _batches(queries, max(limit, 1)):
        chosen = [queries[i] for i in indices]
        with running(model):
            features = _features(embedding, chosen, model)
            logits, iou = _decode_batch(model, features, chosen)
            all_logits, all_iou = logits.float().cpu().numpy(), iou.float().cpu().numpy()
            dense = _seen(features, len(chosen))
        for i, query, masks, scores, seen in zip(indices, chosen, all_logits, all_iou, dense, strict=True):
            answers[i] = [
                Decoded(mask, query.window.frame, float(score), token, seen)
                for token, (mask, score) in enumerate(zip(masks, scores, strict=True))
            ]
    return answers


def _seen(features: Features, count: int) -> Sequence[NDArray[np.float32] | None]:
    """Return what the dense head sees in each window, by which masks are rated."""
    if features.dense is None:
        return [None] * count
    seen: NDArray[np.float32] = features.dense.float().sigmoid().cpu().numpy()
    return list(seen)


def _batches(queries: Sequence[Query], limit: int) -> Iterator[list[int]]:
    """Yield indices of queries that can be decoded together, those of one level after another."""
    groups: dict[tuple[int, bool, bool], list[int]] = {}
    for index, query in enumerate(queries):
        groups.setdefault(query.kind, []).append(index)
    for group in groups.values():
        for start in range(0, len(group), limit):
            yield sorted(group[start : start + limit], key=lambda index: queries[index].window.level)


def _decode_batch(model: LoadedModel, features: Features, queries: Sequence[Query]) -> tuple[Tensor, Tensor]:
    count, boxed, masked = queries[0].kind

    def tensor(arrays: Sequence[NDArray[np.generic]]) -> Tensor:
        stacked = torch.from_numpy(np.stack(arrays))
        return stacked.to(model.device, torch.float32)

    points = tensor([query.points[:, ::-1] for query in queries]) if count else None
    labels = tensor([query.labels for query in queries]).long() if count else None
    boxes = (
        tensor([query.box[:, ::-1].ravel() for query in queries if query.box is not None]) if boxed else None
    )
    masks = tensor([query.mask[None] for query in queries if query.mask is not None]) if masked else None
    decoded: tuple[Tensor, Tensor] = model.sam.decode(features, points, labels, boxes, masks)
    return decoded


def _features(embedding: Embedding, queries: Sequence[Query], model: LoadedModel) -> Features:
    """Cut the windows of all queries, or share the one frame of a ViT."""
    config = model.sam.config
    if not config.windowed:
        return embedding.levels[0].features
    levels = groupby((query.window for query in queries), key=lambda window: window.level)
    windows = Features.joined([_cut(embedding, level, list(group), model) for level, group in levels])
    return windows.each(lambda plane, _: plane.to(model.dtype))


def _cut(embedding: Embedding, level: int, windows: Sequence[Window], model: LoadedModel) -> Features:
    """Return the features of windows at one level, which is there or is made where it is needed."""
    count = len(embedding.levels)
    if level >= count:
        return Features.joined(
            [embedding.fine[level - count].window(model, window.origin) for window in windows]
        )
    origins = torch.tensor([window.origin for window in windows])
    images = torch.zeros(len(windows), dtype=torch.long)
    return cut_windows(embedding.levels[level].features, images, origins, model.sam.config.embedding_size)
