"""Teach a finished network to compare the candidates of one prompt, on the images it was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_sam.errors import DataError
from napari_sam.masks import filled
from napari_sam.model import Sam
from napari_sam.predict import Candidates, Embedding, Predictor, Prompts
from napari_sam.predict.drawing import pointed_at
from napari_sam.predict.pools import pools
from napari_sam.predict.rating import FEATURES, describe
from napari_sam.progress import Progress
from napari_sam.weights import LoadedModel

from .appearance import augment
from .measuring.evaluate import candidate_ious, correction, deepest_point, jittered_box
from .samples import Sample, drawn_from, median_diameter, zoomed
from .simulate import point_inside
from .synthetic import scene
from .synthetic.layouts import log_uniform
from .synthetic.shapes import Rng

SIDE = 512
"""Larger images are cut to squares of this side, in pixels."""
ZOOMS = (0.4, 8.0)
"""Least and most that an image is enlarged."""
PER_IMAGE = 6
"""Objects asked for in one image."""
SMALLEST = 12
"""Objects of fewer pixels are not asked for."""
SHARPNESS = 15.0
"""How sharply the best of several candidates is preferred in the loss that compares them."""
EMPTY = 500
"""After so many images in a row without an object to ask for, no more are looked at."""
CORRECTIONS = 3
"""Most corrective points after a first prompt."""
MISTAKEN = 0.1
"""How far, in IoU, the mask that is corrected may be from the best one."""


@dataclass(frozen=True, eq=False)
class Rated:
    """The candidates of one prompt, and how good they are.

    Attributes
    ----------
    descriptions : (N, features) float32
    ious : (N, 2) float32
        With the nearest of the objects at the prompt, and with the finest.
    """

    descriptions: NDArray[np.float32]
    ious: NDArray[np.float32]


def fit_rating(
    sam: Sam,
    sets: Sequence[tuple[list[Sample], float]],
    *,
    synthetic: float = 0.0,
    prompts: int = 3000,
    hidden: int = 64,
    seed: int = 0,
    progress: Progress | None = None,
) -> Sam:
    """Return the network with a rating of candidates that fits it.

    Parameters
    ----------
    sam : Sam
        A trained network of a windowed architecture, on the device it is to run on.
    sets : sequence of (samples, weight)
        Annotated images, and how often each set is drawn from.
    synthetic : float
        Share of generated scenes.
    prompts : int
        How many prompts are answered to learn from.
    hidden, seed : int
        Width of the rating, and what all that is drawn depends on.
    progress : callable, optional
        Called with the prompts done and their number.

    Raises
    ------
    DataError
        If `EMPTY` images in a row show no object of `SMALLEST` pixels.
    """
    model = LoadedModel("training", sam.eval(), sam.pixel_mean.device, torch.float32, "training")
    rng = np.random.default_rng([seed, 77])
    rated = _asked(Predictor(model), _drawn(sets, synthetic, rng), rng, prompts, progress)
    config = replace(sam.config, rating=(FEATURES, hidden))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        complete = Sam(config)
    state = {k: v for k, v in sam.state_dict().items() if not k.startswith("candidate_rating.")}
    complete.load_state_dict(state, strict=False)
    _fit(complete, rated, len(rated), seed)
    return complete.to(sam.pixel_mean.device).eval()


def _asked(
    predictor: Predictor, samples: Iterator[Sample], rng: Rng, prompts: int, progress: Progress | None
) -> list[Rated]:
    """Ask for objects of one image after another until there are as many prompts as wanted."""
    rated: list[Rated] = []
    empty = 0
    while len(rated) < prompts:
        found = rated_candidates(predictor, next(samples), rng)
        empty = 0 if found else empty + 1
        if empty == EMPTY:
            raise DataError(
                f"{EMPTY} images in a row show no object of {SMALLEST} pixels, so no candidates can be"
                " compared; label some objects, or set rating_prompts = 0."
            )
        rated.extend(found)
        if progress is not None:
            progress(min(len(rated), prompts), prompts)
    return rated


def _drawn(sets: Sequence[tuple[list[Sample], float]], synthetic: float, rng: Rng) -> Iterator[Sample]:
    """Draw images and generated scenes without end."""
    samples, weights = drawn_from(sets)
    while True:
        if rng.random() < synthetic:
            made = scene(rng, 320)
            yield Sample("scene", made.image, made.levels, median_diameter(made.levels[0]))
        else:
            yield varied(samples[rng.choice(len(samples), p=weights)], rng)


def varied(sample: Sample, rng: Rng) -> Sample:
    """Cut a random square; half of them look otherwise, and half are shown larger or smaller.

    On the very images that it learned by heart, a network is better than it will be on others.

    Parameters
    ----------
    sample : Sample
    rng : numpy.random.Generator
        All that is drawn depends on it.

    Returns
    -------
    Sample
        Of at most `SIDE` pixels a side.
    """
    factor = log_uniform(rng, *ZOOMS) if rng.random() < 0.5 else 1.0
    part = _cut(sample, round(SIDE / max(factor, 1)), rng)
    if rng.random() < 0.5:
        looks = augment(torch.from_numpy(part.image).float(), rng)
        part = replace(part, image=looks.round().byte().numpy())
    return part if factor == 1 else zoomed(part, factor)


def _cut(sample: Sample, most: int, rng: Rng) -> Sample:
    """Cut a random square of at most a side out of an image."""
    spans = []
    for side in sample.labels.shape:
        start = int(rng.integers(max(side - most, 0) + 1))
        spans.append(slice(start, start + most))
    rows, cols = spans
    levels = tuple(np.ascontiguousarray(labels[rows, cols]) for labels in sample.levels)
    return replace(sample, image=sample.image[:, rows, cols], levels=levels)


def rated_candidates(predictor: Predictor, sample: Sample, rng: Rng) -> list[Rated]:
    """Ask for a few objects of an image, by a point or a box, and compare all candidates with the truth."""
    areas = np.bincount(sample.labels.ravel())
    objects = np.flatnonzero(areas >= SMALLEST)
    objects = objects[objects > 0]
    if not len(objects):
        return []
    embedding = predictor.embed(sample.image.transpose(1, 2, 0))
    rated = []
    for label in rng.permutation(objects)[:PER_IMAGE]:
        truth = sample.labels == label
        prompts = _prompt(truth, rng)
        for _ in range(1 + int(rng.integers(CORRECTIONS + 1))):
            candidates, one = _rated(predictor, embedding, prompts, _levels(sample, truth, prompts))
            rated.append(one)
            prompts = _corrected(candidates, one, prompts, truth, rng)
    return rated


def _rated(
    predictor: Predictor, embedding: Embedding, prompts: Prompts, levels: Sequence[NDArray[np.bool_]]
) -> tuple[Candidates, Rated]:
    """Answer prompts, and compare all that might be shown with the objects that may be meant."""
    (pool,) = pools(predictor.model, embedding, [prompts], [prompts.ambiguous])
    items = tuple(pointed_at(predictor.draw(embedding, each), prompts.positive) for each in pool)
    candidates = Candidates(embedding.shape, items, 0, "training", "training")
    every = np.array([candidate_ious(candidates, mask) for mask in levels])
    ious = np.stack([every.max(axis=0), every[0]], axis=1).astype(np.float32)
    return candidates, Rated(describe(pool, embedding.shape, prompts), ious)


def _corrected(
    candidates: Candidates, rated: Rated, prompts: Prompts, truth: NDArray[np.bool_], rng: Rng
) -> Prompts:
    """Return the prompts with a point where a good mask, not always the best, is wrong, and that mask."""
    worth = rated.ious[:, 1] + rng.normal(0, MISTAKEN, len(rated.ious))
    taken = replace(candidates, best=int(np.argmax(worth)))
    point, positive = correction(taken, truth)
    points = [*prompts.positions.tolist(), point]
    labels = [*prompts.labels.tolist(), positive]
    return Prompts(points, labels, prompts.box, taken.mask_prompt(taken.best))


def _prompt(truth: NDArray[np.bool_], rng: Rng) -> Prompts:
    """Draw a box for one object in four, else a click in its middle or anywhere inside."""
    if rng.random() < 0.25:
        return Prompts(box=jittered_box(truth, rng))
    if rng.random() < 0.5:
        return Prompts([deepest_point(truth)], [1])
    rows, cols = filled(truth)
    row, col = point_inside(truth[rows, cols], rng).tolist()
    return Prompts([(float(row + rows.start), float(col + cols.start))], [1])


def _levels(sample: Sample, truth: NDArray[np.bool_], prompts: Prompts) -> list[NDArray[np.bool_]]:
    """Return the object, then those of coarser levels at a click that is all there is."""
    if not prompts.ambiguous or prompts.box is not None:
        return [truth]
    row, col = np.rint(prompts.positions[0]).astype(int)
    coarser = [labels == labels[row, col] for labels in sample.levels[1:] if labels[row, col]]
    return [truth, *coarser]


def _fit(sam: Sam, rated: Sequence[Rated], steps: int, seed: int) -> None:
    """Fit the rating: squared error, and the order of a prompt's candidates."""
    rating = sam.candidate_rating
    if rating is None:
        raise TypeError("the network has nothing that rates candidates")
    generator = torch.Generator().manual_seed(seed)
    every = torch.from_numpy(np.concatenate([each.descriptions for each in rated]))
    rating.mean.copy_(every.mean(0))
    rating.spread.copy_(every.std(0).clamp(min=1e-2))
    descriptions, ious, known = _padded(rated)
    rating.train()
    optimizer = torch.optim.AdamW(rating.parameters(), lr=3e-3, weight_decay=1e-2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # what drops out
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = 3e-3 * (1 - step / steps)
            drawn = torch.randint(len(rated), (64,), generator=generator)
            loss = rating_loss(rating(descriptions[drawn], known[drawn]), ious[drawn], known[drawn])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def rating_loss(ratings: Tensor, ious: Tensor, known: Tensor) -> Tensor:
    """Compare (B, N, 3) ratings with (B, N, 2) IoUs: squared error, order, and absolute error of the last."""
    expected, median = ratings[..., :2], ratings[..., 2]
    error = ((expected - ious).square().sum(-1) * known).sum() / known.sum()
    off = ((median - ious[..., 0]).abs() * known).sum() / known.sum()
    empty = known[..., None] == 0
    wanted = (SHARPNESS * ious).masked_fill(empty, -1e9).softmax(1)
    given = (SHARPNESS * expected).masked_fill(empty, -1e9).log_softmax(1)
    return error + 0.3 * off + 0.1 * F.kl_div(given, wanted, reduction="batchmean")


def _padded(rated: Sequence[Rated]) -> tuple[Tensor, Tensor, Tensor]:
    """Put prompts of different numbers of candidates side by side."""
    most = max(len(each.ious) for each in rated)
    descriptions = torch.zeros(len(rated), most, FEATURES)
    ious, known = torch.zeros(len(rated), most, 2), torch.zeros(len(rated), most)
    for index, each in enumerate(rated):
        count = len(each.ious)
        descriptions[index, :count] = torch.from_numpy(each.descriptions)
        ious[index, :count] = torch.from_numpy(each.ious)
        known[index, :count] = 1
    return descriptions, ious, known
