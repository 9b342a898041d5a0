"""How like each other the masks of one prompt are: one object seen twice, or a part and its whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .candidates import Decoded
from .decoding import framed_mask
from .frames import Positions, whole_frame
from .prompts import MaskPrompt, Prompts, Shape
from .resampling import covered_extent

Comparison = tuple[NDArray[np.float64], NDArray[np.float64]]
"""About the IoU of masks, and how much of the smaller lies in the larger."""
Places = tuple[NDArray[np.intp], NDArray[np.bool_]]
REACH, RINGS, SPOKES = (0.7, 600.0), 40, 32
"""Rings of positions around a prompt, in data pixels, on which masks are compared."""


@dataclass(frozen=True, eq=False)
class Rings:
    """Positions at which masks are compared: dense near a prompt and sparse far from it.

    So masks of a few pixels and of hundreds are compared equally well.

    Attributes
    ----------
    positions : (P, 2) float64
        In data pixels.
    areas : (P,) float64
        How much of the plane each stands for.
    """

    positions: Positions
    areas: NDArray[np.float64]

    @classmethod
    def around(cls, centre: Positions) -> Rings:
        """Lay rings around a position; (2,) data pixels."""
        radii = np.geomspace(*REACH, RINGS)
        angles = np.arange(SPOKES) * 2 * np.pi / SPOKES
        offsets = np.stack([np.outer(radii, np.sin(angles)), np.outer(radii, np.cos(angles))], axis=-1)
        return cls(centre + offsets.reshape(-1, 2), np.repeat(radii**2, SPOKES))

    def inside(self, masks: Sequence[Decoded | MaskPrompt]) -> NDArray[np.float64]:
        """Say of each of N masks which positions lie in it; (N, P) of 0 and 1."""
        return read_at(masks, self.positions).astype(np.float64)

    def compare(self, ones: NDArray[np.float64], others: NDArray[np.float64]) -> Comparison:
        """Compare N masks with M by what is inside them; (N, P) and (M, P)."""
        weighted = ones * self.areas
        # numpy's threads would be in the way of torch's
        both = (torch.from_numpy(weighted) @ torch.from_numpy(others).T).numpy()
        area, other = weighted.sum(axis=1)[:, None], (others * self.areas).sum(axis=1)
        overlaps = both / np.maximum(area + other - both, 1e-9)
        return overlaps, both / np.maximum(np.minimum(area, other), 1e-9)


@dataclass(frozen=True, eq=False)
class Likeness:
    """How like each other N masks of one prompt are, and how like the mask that was fed back.

    Attributes
    ----------
    overlaps : (N, N) float64
        About the IoU of every two, with zeros for a mask itself.
    nested : (N, N) float64
        How much of the smaller of every two lies in the larger: 1 for a part and its whole.
    together : (N, N) bool
        Whether the network saw both in one window.
    fed : (N,) float64, optional
        IoU with the mask prompt, if there was one.
    rings : Rings
        Where they were compared.
    inside : (N, P) float64
        Which of these positions lie in each mask.
    """

    overlaps: NDArray[np.float64]
    nested: NDArray[np.float64]
    together: NDArray[np.bool_]
    fed: NDArray[np.float64] | None
    rings: Rings
    inside: NDArray[np.float64]

    def with_mask(self, mask: Decoded) -> Comparison:
        """Return the overlaps of these masks with another one, and how nested they are; (N,) each."""
        overlaps, nested = self.rings.compare(self.inside, self.rings.inside([mask]))
        return overlaps[:, 0], nested[:, 0]


def likeness(pool: Sequence[Decoded], shape: Shape, prompts: Prompts) -> Likeness:
    """Compare N masks of one prompt, within an image of (Y, X), around what the prompt points at."""
    fed = framed_mask(prompts, whole_frame(shape, pool[0].frame.size))
    rings = Rings.around(_middle(prompts, fed, pool[0]))
    inside = rings.inside(pool)
    overlaps, nested = rings.compare(inside, inside)
    np.fill_diagonal(overlaps, 0.0)
    scale = np.array([each.frame.scale for each in pool])
    like_fed = None if fed is None else rings.compare(inside, rings.inside([fed]))[0][:, 0]
    return Likeness(overlaps, nested, scale[:, None] == scale, like_fed, rings, inside)


def _middle(prompts: Prompts, fed: MaskPrompt | None, one: Decoded) -> Positions:
    """Return the middle of what the prompts say is inside, else of the mask or window; (2,) data pixels."""
    inside = prompts.inside
    if not len(inside) and fed is not None:
        inside = covered_extent(fed.logits, fed.frame)
    if not len(inside):
        inside = one.frame.to_data(np.full((1, 2), (one.frame.size - 1) / 2))
    return np.asarray(inside.mean(axis=0))


def read_at(pool: Sequence[Decoded | MaskPrompt], positions: Positions) -> NDArray[np.bool_]:
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
