"""What is known of a prompt's candidates before one is chosen: numbers that their rating is made from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sam.model import CandidateRating

from .candidates import STABILITY_OFFSET, Decoded, stability_at
from .likeness import Likeness, likeness, read_at
from .prompts import Prompts, Shape

Numbers = NDArray[np.float32]
OFFSETS = (0.5, 1.0, 2.0, 4.0)
"""Logits by which the threshold is moved to see how stable a mask is."""
OCTAVES = (-3, 2)
"""Scales from 1/8 to 4 get a number each."""
TOKENS = 4
"""Masks that a decoder gives."""
WORTH, AREA = 5, 9
"""Which of a mask's own numbers are its predicted IoU times its stability, and its area."""


def describe(
    pool: Sequence[Decoded], shape: Shape, prompts: Prompts, alike: Likeness | None = None
) -> Numbers:
    """Describe every candidate of one prompt by itself and among the others.

    Parameters
    ----------
    pool : sequence of Decoded
        N masks of all frames of one prompt.
    shape : (Y, X)
        Of the image.
    prompts : Prompts
        Within the image.
    alike : Likeness, optional
        What `likeness` says of them, where it is known.

    Returns
    -------
    (N, features) float32
    """
    alike = likeness(pool, shape, prompts) if alike is None else alike
    overlaps = alike.overlaps
    scale = np.array([each.frame.scale for each in pool])
    own = np.column_stack([_alone(pool, shape), _seen(pool)])
    worth = np.maximum(own[:, WORTH], 0)
    elsewhere, here = np.where(alike.together, 0, overlaps), np.where(alike.together, overlaps, 0)
    area = own[:, AREA]
    among = [
        overlaps @ worth / max(worth.sum(), 1e-6),
        elsewhere.max(axis=1),
        np.sort(elsewhere, axis=1)[:, -3:].mean(axis=1),
        here.max(axis=1),
        area - area.mean(),
        (area[:, None] > area).mean(axis=1),
        (worth[:, None] > worth).mean(axis=1),
        worth - worth.max(),
        own[:, 0] - own[:, 0].mean(),
        np.full(len(pool), float(prompts.box is not None)),
    ]
    told = _told(pool, prompts, alike.fed)
    tokens = np.eye(TOKENS)[[each.token for each in pool]]
    octaves = np.clip(np.rint(np.log2(scale)), *OCTAVES).astype(int) - OCTAVES[0]
    levels = np.eye(OCTAVES[1] - OCTAVES[0] + 1)[octaves]
    return np.column_stack([own, *among, told, tokens, levels]).astype(np.float32)


def _told(pool: Sequence[Decoded], prompts: Prompts, fed: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Say how each mask agrees with the clicks and with the mask that was fed back; (N, 4)."""
    points, wanted = prompts.positions, prompts.labels == 1
    agreement = np.ones(len(pool))
    if len(points):
        agreement = (read_at(pool, points) == wanted).mean(axis=1)
    like = np.zeros(len(pool)) if fed is None else fed
    same = np.ones(len(pool))
    return np.column_stack([agreement, like, same * (fed is not None), same * np.log1p(len(points)) / 2])


def _alone(pool: Sequence[Decoded], shape: Shape) -> NDArray[np.float64]:
    """Describe each mask by itself; (N, 11)."""
    logits = np.stack([each.logits for each in pool])
    flat = logits.reshape(len(pool), -1)
    iou = np.array([each.iou for each in pool])
    sides = np.array([each.frame.size / each.frame.scale for each in pool])
    steady = {offset: stability_at(logits, offset) for offset in OFFSETS}
    inside, vague = logits > 0, flat > -2
    covered = inside.mean(axis=(1, 2))
    area = covered * sides**2
    sure = np.where(vague, np.abs(flat), 0).sum(axis=1) / np.maximum(np.count_nonzero(vague, axis=1), 1)
    return np.column_stack(
        [
            iou,
            *steady.values(),
            np.where(covered > 0, iou * steady[STABILITY_OFFSET], 0),
            sure / 8,
            inside[:, [0, -1]].mean(axis=(1, 2)) + inside[:, :, [0, -1]].mean(axis=(1, 2)),
            np.log(covered + 1e-4) / 4,
            np.log(np.maximum(area, 1.0)) / 8,
            np.log(max(shape) / (np.sqrt(area) + 1)) / 4,
        ]
    )


def _seen(pool: Sequence[Decoded]) -> NDArray[np.float64]:
    """Compare masks with what the dense head sees there: one whole object, less, or more; (N, 7)."""
    if pool[0].dense is None:
        return np.zeros((len(pool), 7))
    inside = np.stack([each.logits > 0 for each in pool])
    dense = np.stack([each.dense for each in pool if each.dense is not None])
    foreground, distance, boundary = dense.transpose(1, 0, 2, 3)
    core, near = ~_grown(_grown(~inside)), _grown(_grown(inside))
    edge, ring = near & ~core, near & ~inside
    return np.column_stack(
        [
            _means(foreground, inside),
            _means(foreground, ring),
            _means(boundary, edge),
            _means(boundary, core),
            np.sqrt(_means(boundary**2, core)),
            (distance * inside).max(axis=(1, 2)),
            _means(distance, ring),
        ]
    )


def _grown(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Add to each of (N, h, w) masks the pixels beside it."""
    wide = np.pad(masks, ((0, 0), (1, 1), (1, 1)))
    rows, cols = wide[:, :, 1:-1], wide[:, 1:-1]
    return np.asarray(rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:] | cols[:, :, :-2] | cols[:, :, 2:])


def _means(values: NDArray[np.float32], where: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Average each of (N, h, w) maps over its own pixels; 0 where there are none."""
    return np.asarray((values * where).sum(axis=(1, 2)) / np.maximum(where.sum(axis=(1, 2)), 1))


FEATURES = 18 + 10 + 4 + TOKENS + OCTAVES[1] - OCTAVES[0] + 1
"""Numbers that describe a candidate."""


def rate(rating: CandidateRating, descriptions: Numbers) -> Numbers:
    """Return the (N, 3) ratings of candidates of one prompt, on the CPU, where so little is quickest."""
    with torch.inference_mode():
        given = torch.from_numpy(descriptions)[None].to(rating.mean.device)
        ratings: Numbers = rating(given)[0].float().cpu().numpy()
    return ratings
