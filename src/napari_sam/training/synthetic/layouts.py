"""Where objects lie: label images of one to three nested levels, the finest first."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from .blur import blurred
from .shapes import Mask, Rng, blob, rod, spread_cell

Labels = NDArray[np.int32]
Levels = tuple[Labels, ...]

SMALLEST = 9
"""Objects of fewer pixels are left out."""
SMALLEST_NUCLEUS = 3.0
"""Cells get no nucleus of a smaller radius, in pixels: its border would not be seen in any picture."""


def log_uniform(rng: Rng, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def stamp(labels: Labels, patch: Mask, centre: NDArray[np.float64], label: int, hidden: float = 0.4) -> bool:
    """Put a patch where nothing is yet, unless more than a share of it would be hidden; say if it was put."""
    corner = np.rint(centre - np.array(patch.shape) / 2).astype(int)
    low = np.maximum(corner, 0)
    high = np.minimum(corner + patch.shape, labels.shape)
    if (high <= low).any():
        return False
    view = labels[low[0] : high[0], low[1] : high[1]]
    a, b = low - corner, high - corner
    seen = patch[a[0] : b[0], a[1] : b[1]]
    free = seen & (view == 0)
    if free.sum() < max(SMALLEST, (1 - hidden) * seen.sum()):
        return False
    view[free] = label
    return True


def scattered(size: int, rng: Rng, make: Callable[[], Mask], count: int) -> Labels:
    """Stamp up to `count` shapes at random places."""
    labels = np.zeros((size, size), np.int32)
    label = 1
    for _ in range(count):
        if stamp(labels, make(), rng.uniform(0, size, 2), label):
            label += 1
    return labels


def _count(size: int, radius: float, rng: Rng) -> int:
    """Draw how many objects of a radius a scene is offered, from sparse to crowded."""
    full = size**2 / (np.pi * radius**2)
    return int(np.clip(full * log_uniform(rng, 0.06, 1.2), 1, 150))


def cells(size: int, rng: Rng) -> Labels:
    """Scatter blobs of one scene-wide size and elongation."""
    radius = log_uniform(rng, 2.2, 75)
    elongation, roughness = 1 + rng.exponential(0.4), rng.uniform(0.01, 0.12)
    spread = rng.uniform(0.02, 0.35)

    def make() -> Mask:
        return blob(radius * float(np.exp(rng.normal(0, spread))), rng, elongation, roughness)

    return scattered(size, rng, make, _count(size, radius, rng))


def spread_cells(size: int, rng: Rng) -> Labels:
    """Scatter adherent cells with processes."""
    radius = log_uniform(rng, 12, 50)
    return scattered(
        size, rng, lambda: spread_cell(radius * rng.uniform(0.7, 1.3), rng), _count(size, radius, rng)
    )


def rods(size: int, rng: Rng) -> Levels:
    """Pack rods into colonies of about one direction each: rods, and where there are several, colonies."""
    width = log_uniform(rng, 3, 18)
    labels, label = np.zeros((size, size), np.int32), 1
    bend = rng.uniform(0, 0.2)
    for _ in range(int(rng.integers(1, 6))):
        centre, angle = rng.uniform(0, size, 2), rng.uniform(0, np.pi)
        reach = width * rng.uniform(1, 8)
        for _ in range(int(rng.integers(3, 40))):
            patch = rod(width * rng.uniform(1.5, 5), width, rng, angle + rng.normal(0, 0.35), bend)
            label += stamp(labels, patch, centre + rng.normal(0, reach, 2), label, hidden=0.15)
    return labels, touching_groups(labels)


def filaments(size: int, rng: Rng) -> Labels:
    """Scatter long thin rods."""
    width = log_uniform(rng, 3, 8)
    return scattered(
        size, rng, lambda: rod(width * rng.uniform(8, 25), width, rng, bend=0.5), int(rng.integers(3, 14))
    )


def colonies(size: int, rng: Rng, smallest: float = 6) -> Levels:
    """Divide clumps into touching cells of at least `smallest` radius: cells, and clumps."""
    cell = log_uniform(rng, smallest, 45)
    clump = cell * rng.uniform(1.5, 4)
    clumps = scattered(
        size,
        rng,
        lambda: blob(clump * rng.uniform(0.8, 1.2), rng, 1 + rng.exponential(0.5), 0.12),
        int(np.clip(size**2 / (5 * clump**2), 1, 12)),
    )
    return divided(clumps, cell, rng), clumps


def divided(clumps: Labels, radius: float, rng: Rng) -> Labels:
    """Divide every clump among random centres about two radii apart, with crooked borders."""
    size = clumps.shape[0]
    warped = _warped_positions(size, radius, rng)
    grid = 1.75 * radius
    starts = np.arange(-grid, size + grid, grid)
    centres = np.stack(np.meshgrid(starts, starts, indexing="ij"), -1).reshape(-1, 2)
    centres = centres + rng.uniform(0, grid) + rng.normal(0, 0.25 * grid, centres.shape)
    inside = np.flatnonzero(clumps)
    pairs = np.zeros(clumps.size, np.int64)
    nearest = cKDTree(centres).query(warped[inside])[1]
    pairs[inside] = clumps.ravel()[inside] * (len(centres) + 1) + nearest + 1
    return merged_crumbs(renumbered(pairs.reshape(size, size)), clumps, radius)


def renumbered(labels: NDArray[np.integer]) -> Labels:
    """Give the objects the numbers from 1 on; 0 stays the background."""
    numbers = np.cumsum(np.bincount(labels.ravel()) > 0, dtype=np.int32)
    return np.asarray(numbers[labels] - (labels == 0).any(), np.int32)


def _warped_positions(size: int, radius: float, rng: Rng) -> NDArray[np.float64]:
    """Return every pixel's position, pushed about a little."""
    shift = np.asarray(blurred(rng.standard_normal((2, size, size)), radius / 2 + 1), np.float64)
    shift *= rng.uniform(0, 0.35) * radius / (shift.std() + 1e-9)
    positions: NDArray[np.float64] = (np.mgrid[:size, :size] + shift).reshape(2, -1).T
    return positions


def merged_crumbs(pieces: Labels, clumps: Labels, radius: float) -> Labels:
    """Give pieces too small to be cells to their largest neighbour in the clump."""
    areas = np.bincount(pieces.ravel())
    small = areas < 0.6 * radius**2
    small[0] = False
    if not small.any() or small.all():
        return pieces
    crumbs = small[pieces]
    kept = np.where(crumbs, 0, pieces)
    index = ndimage.distance_transform_edt(kept == 0, return_distances=False, return_indices=True)
    filled = kept[tuple(index)]
    source = clumps[tuple(index)]
    whole = np.where(crumbs & (source == clumps), filled, pieces)
    return renumbered(whole)


def mosaic(size: int, rng: Rng) -> Labels:
    """Divide the whole scene into cells."""
    return divided(np.ones((size, size), np.int32), log_uniform(rng, 6, 45), rng)


def fibres(size: int, rng: Rng) -> Levels:
    """Scatter fibres with a core: cores, and whole fibres."""
    radius = log_uniform(rng, 5, 55)
    whole = scattered(
        size,
        rng,
        lambda: blob(radius * float(np.exp(rng.normal(0, 0.35))), rng, 1 + rng.exponential(0.3), 0.08),
        _count(size, radius, rng),
    )
    return shrunk(whole, rng.uniform(0.5, 0.85), rng), whole


def shrunk(labels: Labels, share: float, rng: Rng) -> Labels:
    """Keep the inside of every object, so that about `share` of its width stays."""
    depth = depths(labels)
    largest = largest_depths(depth, labels)
    limits = np.clip((1 - share) + rng.normal(0, 0.08, len(largest)), 0.08, 0.7) * largest
    core = np.where((labels > 0) & (depth > limits[labels]), labels, 0)
    return without_crumbs(core)


def depths(labels: Labels) -> NDArray[np.float64]:
    """Return every pixel's distance to the border of its object; objects go on beyond the scene's edge."""
    wider = np.pad(labels, 1, mode="edge")
    inner = (wider > 0) & ~borders(wider)
    return np.asarray(ndimage.distance_transform_edt(inner))[1:-1, 1:-1]


def borders(labels: Labels) -> Mask:
    """Return pixels with another label beside, below, above or left of them."""
    edge = np.zeros(labels.shape, bool)
    down, across = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    return edge


def seams(labels: Labels) -> Mask:
    """Return the borders between objects that touch."""
    edge = np.zeros(labels.shape, bool)
    both = (labels[1:] > 0) & (labels[:-1] > 0)
    edge[1:] = both & (labels[1:] != labels[:-1])
    both = (labels[:, 1:] > 0) & (labels[:, :-1] > 0)
    edge[:, 1:] |= both & (labels[:, 1:] != labels[:, :-1])
    return edge


def largest_depths(depth: NDArray[np.float64], labels: Labels) -> NDArray[np.float64]:
    """Return each label's largest depth; entry 0 is the background's."""
    largest = np.zeros(int(labels.max()) + 1)
    np.maximum.at(largest, labels.ravel(), depth.ravel())
    return largest


def nuclei(whole: Labels, rng: Rng) -> Labels:
    """Put a nucleus, here and there two, into every cell that has room for one."""
    depth = depths(whole)
    boxes = ndimage.find_objects(whole)
    labels, label = np.zeros_like(whole), 1
    low = rng.uniform(0.35, 0.7)
    for index in (np.flatnonzero(np.bincount(whole.ravel())[1:]) + 1).tolist():
        box = boxes[index - 1]
        inside = whole[box] == index
        deep = np.where(inside, depth[box], 0)
        radius = deep.max() * low * rng.uniform(0.85, 1.25)
        if radius < SMALLEST_NUCLEUS:
            continue
        places = np.argwhere(deep >= deep.max() * rng.uniform(0.6, 1.0))
        patch = blob(float(radius), rng, 1 + rng.exponential(0.25), 0.05)
        part = np.where(inside, 0, -1).astype(np.int32)
        for _ in range(1 if rng.random() < 0.9 else 2):
            label += stamp(part, patch, places[rng.integers(len(places))] + 0.5, label, hidden=0.5)
        labels[box] = np.where(part > 0, part, labels[box])
    return without_crumbs(labels)


def vesicles(whole: Labels, rng: Rng) -> Labels:
    """Fill cells with small round bodies."""
    radius = log_uniform(rng, 2.2, 8)
    labels = np.where(shrunk(whole, 0.9, rng) > 0, 0, -1).astype(np.int32)
    label, places = 1, np.argwhere(labels == 0)
    if len(places):
        for _ in range(int(np.clip(len(places) / (18 * radius**2), 1, 90))):
            patch = blob(radius * rng.uniform(0.7, 1.4), rng, 1 + rng.exponential(0.3), 0.04)
            label += stamp(labels, patch, places[rng.integers(len(places))] + 0.5, label, hidden=0.1)
    return without_crumbs(np.maximum(labels, 0))


def touching_groups(labels: Labels) -> Labels:
    """Return the connected clumps of at least two objects."""
    clumps, count = ndimage.label(labels > 0, np.ones((3, 3)))
    inside, numbers = labels > 0, int(labels.max()) + 1
    members = np.unique(clumps[inside].astype(np.int64) * numbers + labels[inside])
    sizes = np.bincount(members // numbers, minlength=count + 1)
    return np.where(sizes[clumps] >= 2, clumps, 0).astype(np.int32)


def without_crumbs(labels: Labels) -> Labels:
    """Leave out objects of very few pixels."""
    small = np.bincount(labels.ravel()) < SMALLEST
    return np.where(small[labels], 0, labels).astype(np.int32)
