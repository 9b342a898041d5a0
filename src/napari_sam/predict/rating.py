"""What is known of a prompt's candidates before one is chosen: numbers that their rating is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sam.model import CandidateRating

from .candidates import SAME, STABILITY_OFFSET, Decoded, stability_at
from .decoding import framed_mask
from .frames import Positions, covered_extent, whole_frame
from .prompts import MaskPrompt, Prompts, Shape

Numbers = NDArray[np.float32]
Places = tuple[NDArray[np.intp], NDArray[np.bool_]]
OFFSETS = (0.5, 1.0, 2.0, 4.0)
"""Logits by which the threshold is moved to see how stable a mask is."""
OCTAVES = (-3, 2)
"""Scales from 1/8 to 4 get a number each."""
TOKENS = 4
"""Masks that a decoder gives."""
REACH, RINGS, SPOKES = (0.7, 600.0), 40, 32
"""Rings of positions around a prompt, in data pixels, on which masks are compared."""
WORTH, AREA = 5, 9
"""Which of a mask's own numbers are its predicted IoU times its stability, and its area."""


ALIKE = 0.3
"""How much of a rating a mask loses that is the same as a chosen one."""


@dataclass(frozen=True, eq=False)
class Likeness:
    """How like each other the masks of one prompt are, and how like the mask that was fed back.

    Attributes
    ----------
    overlaps : (N, N) float64
        IoU of every two, with zeros for a mask itself.
    fed : (N,) float64, optional
        IoU with the mask prompt, if there was one.
    """

    overlaps: NDArray[np.float64]
    fed: NDArray[np.float64] | None


def likeness(pool: Sequence[Decoded], shape: Shape, prompts: Prompts) -> Likeness:
    """Compare N masks of one prompt, within an image of (Y, X), around what the prompt points at."""
    fed = framed_mask(prompts, whole_frame(shape, pool[0].frame.size))
    centre = _middle(prompts, fed, pool[0])
    if fed is None:
        return Likeness(overlaps_around(pool, centre), None)
    every = overlaps_around([fed, *pool], centre)
    return Likeness(every[1:, 1:], every[0, 1:])


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
    same = scale[:, None] == scale
    elsewhere, here = np.where(same, 0, overlaps), np.where(same, overlaps, 0)
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


def _middle(prompts: Prompts, fed: MaskPrompt | None, one: Decoded) -> Positions:
    """Return the middle of what the prompts say is inside, else of the mask or window; (2,) data pixels."""
    inside = prompts.inside
    if not len(inside) and fed is not None:
        inside = covered_extent(fed.logits, fed.frame)
    if not len(inside):
        inside = one.frame.to_data(np.full((1, 2), (one.frame.size - 1) / 2))
    return np.asarray(inside.mean(axis=0))


def overlaps_around(pool: Sequence[Decoded | MaskPrompt], centre: Positions) -> NDArray[np.float64]:
    """Return about the IoU of every two of N masks; (N, N) with zeros for a mask itself.

    All are read at the same rings of positions, dense near the centre and sparse far from it, so that
    masks of a few pixels and of hundreds are compared equally well.
    """
    radii = np.geomspace(*REACH, RINGS)
    angles = np.arange(SPOKES) * 2 * np.pi / SPOKES
    offsets = np.stack([np.outer(radii, np.sin(angles)), np.outer(radii, np.cos(angles))], axis=-1)
    positions = centre + offsets.reshape(-1, 2)
    inside = _read(pool, positions).astype(np.float64)
    weights = np.repeat(radii**2, SPOKES)
    both = (inside * weights) @ inside.T
    area = np.diag(both)
    ious: NDArray[np.float64] = both / np.maximum(area[:, None] + area - both, 1e-9)
    np.fill_diagonal(ious, 0.0)
    return ious


def _told(pool: Sequence[Decoded], prompts: Prompts, fed: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Say how each mask agrees with the clicks and with the mask that was fed back; (N, 4)."""
    points, wanted = prompts.positions, prompts.labels == 1
    agreement = np.ones(len(pool))
    if len(points):
        agreement = (_read(pool, points) == wanted).mean(axis=1)
    like = np.zeros(len(pool)) if fed is None else fed
    same = np.ones(len(pool))
    return np.column_stack([agreement, like, same * (fed is not None), same * np.log1p(len(points)) / 2])


def _read(pool: Sequence[Decoded | MaskPrompt], positions: Positions) -> NDArray[np.bool_]:
    """Say of each mask which of the (P, 2) data positions lie in it; (N, P) bool."""
    shown = {(each.frame, each.logits.shape): each for each in pool}  # the masks of a window share theirs
    places = {key: _places(each, positions) for key, each in shown.items()}
    return np.stack([_at(each, places[each.frame, each.logits.shape]) for each in pool])


def _places(decoded: Decoded | MaskPrompt, positions: Positions) -> Places:
    """Return the pixel of a mask's logits at each data position, and whether there is one."""
    height, width = decoded.logits.shape
    size = np.array((height, width))
    index = np.floor((decoded.frame.to_input(positions) + 0.5) * size / decoded.frame.size).astype(int)
    known = ((index >= 0) & (index < size)).all(axis=1)
    rows, cols = np.clip(index, 0, size - 1).T
    return rows * width + cols, known


def _at(decoded: Decoded | MaskPrompt, places: Places) -> NDArray[np.bool_]:
    """Say which of the places lie in a mask; (P,) bool."""
    pixels, known = places
    return np.asarray((decoded.logits.take(pixels) > 0) & known)


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


def choose(ratings: Numbers, overlaps: NDArray[np.float64], count: int) -> list[int]:
    """Choose the mask that is meant, then those that promise much and are not what is chosen already.

    Part, whole and group are different objects at one click, and the three places are for them.

    Parameters
    ----------
    ratings : (N, 3) float32
        As `rate` gives them.
    overlaps : (N, N)
        IoU of every two masks.
    count : int

    Returns
    -------
    list of int
        Indices, the one that is meant first; near-duplicates only where distinct ones run out.
    """
    chosen = [int(np.argmax(ratings[:, 1]))]
    while len(chosen) < min(count, len(ratings)):
        alike = overlaps[:, chosen].max(axis=1)
        promise = ratings[:, 0] - ALIKE * alike - (alike > SAME)
        promise[chosen] = -np.inf
        chosen.append(int(np.argmax(promise)))
    return chosen
