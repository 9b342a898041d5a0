"""Annotated images from disk to training batches: crops, augmentation, dense targets, prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from napari_sam.errors import DataError
from napari_sam.predict.image import to_rgb

from .config import DataConfig, TrainConfig
from .simulate import InitialPrompts, initial_prompts

IMAGE_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg")
Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Sample:
    """One annotated image.

    Attributes
    ----------
    name : str
        The files' common stem.
    image : (3, Y, X) uint8
        Normalised as `predict.image.to_rgb` does.
    labels : (Y, X) int32
        0 background, one value an object.
    diameter : float
        Median diameter of the objects (of a circle of their area), in pixels.
    """

    name: str
    image: NDArray[np.uint8]
    labels: NDArray[np.int32]
    diameter: float

    @property
    def kind(self) -> str:
        """A coarse kind by appearance: colour, background and size of the objects."""
        spread = self.image.max(axis=0).astype(int) - self.image.min(axis=0)
        colour = "colour" if spread.mean() > 10 else "grey"
        ground = "bright" if np.median(self.image) > 110 else "dark"
        size = "large" if self.diameter > 40 else "small"
        return f"{colour} {ground} {size}"


def read_image(path: Path) -> NDArray[np.generic]:
    """Read a PNG, TIFF or JPEG as (Y, X) or (Y, X, C).

    Raises
    ------
    DataError
        If the file cannot be read as an image.
    """
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            return np.asarray(tifffile.imread(path))
        with Image.open(path) as opened:
            keep = opened.mode in ("L", "RGB", "I;16", "I", "F")
            return np.asarray(opened if keep else opened.convert("RGB"))
    except (OSError, ValueError) as error:
        message = f"{path.name} cannot be read as an image ({error}); replace or remove the file."
        raise DataError(message) from error


def image_label_pairs(images: Path, labels: Path) -> list[tuple[Path, Path]]:
    """Match the images and labels of two folders by stem, sorted.

    Raises
    ------
    DataError
        If a folder is missing, or no two files share a stem.
    """
    for folder in (images, labels):
        if not folder.is_dir():
            raise DataError(f"The folder {folder} does not exist; give one that holds the files.")
    by_stem = {p.stem: p for p in sorted(labels.iterdir()) if p.suffix.lower() in IMAGE_SUFFIXES}
    pairs = [
        (p, by_stem[p.stem])
        for p in sorted(images.iterdir())
        if p.suffix.lower() in IMAGE_SUFFIXES and p.stem in by_stem
    ]
    if not pairs:
        raise DataError(f"No image in {images} has a label file of the same name in {labels}.")
    return pairs


def read_sample(image_path: Path, label_path: Path) -> Sample:
    """Read one annotated image.

    Raises
    ------
    DataError
        If a file is unreadable, or the shapes differ.
    """
    image, labels = read_image(image_path), read_image(label_path).astype(np.int32)
    pixels, _ = to_rgb(image)
    if labels.shape != pixels.shape[1:]:
        shapes = f"{labels.shape}, its image {pixels.shape[1:]}"
        raise DataError(f"{label_path.name} is {shapes}; give labels of the image's size.")
    areas = np.bincount(labels.ravel())[1:]
    areas = areas[areas > 0]
    diameter = float(np.sqrt(np.median(areas) * 4 / np.pi)) if len(areas) else 32.0
    return Sample(image_path.stem, np.rint(pixels).astype(np.uint8), labels, diameter)


def read_folder(config: DataConfig) -> list[Sample]:
    """Read every annotated image of one training set into memory."""
    return [read_sample(*pair) for pair in image_label_pairs(config.images, config.labels)]


@dataclass(frozen=True, eq=False)
class Batch:
    """One training step's input.

    Attributes
    ----------
    images : (crops, 3, S, S) float32
        RGB of 0 to 255.
    dense : (crops, 3, S / 2, S / 2) float32
        Foreground, normalised distance, boundary.
    prompts : InitialPrompts
        Prompts of all crops, with their windows and target masks.
    """

    images: Tensor
    dense: Tensor
    prompts: InitialPrompts


class Batches(torch.utils.data.Dataset[Batch]):
    """Training batches by step number; a step's batch depends on the seed and the step alone.

    Parameters
    ----------
    sets : sequence of (samples, weight)
        Training sets in memory and how often each is drawn from.
    config : TrainConfig
        Crop size, scales, numbers of crops and prompts, seed, steps.
    """

    def __init__(self, sets: Sequence[tuple[list[Sample], float]], config: TrainConfig) -> None:
        self.config = config
        self.samples = [sample for samples, _ in sets for sample in samples]
        self.weights = np.concatenate([kind_weights(samples) * weight for samples, weight in sets])
        self.weights /= self.weights.sum()

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, step: int) -> Batch:
        config = self.config
        rng = np.random.default_rng([config.seed, step])
        images, dense, prompts = [], [], []
        chosen = rng.choice(len(self.samples), size=config.crops, p=self.weights)
        for index, choice in enumerate(chosen):
            image, labels = crop(self.samples[choice], rng, config)
            images.append(augment(image, rng))
            dense.append(dense_targets(labels))
            prompts.append(initial_prompts(labels, index, config.prompts_per_crop, rng))
        return Batch(torch.stack(images), torch.stack(dense), InitialPrompts.concatenate(prompts))


def kind_weights(samples: Sequence[Sample]) -> NDArray[np.float64]:
    """Weigh images so that rare kinds are drawn more often: one over the root of the kind's count."""
    kinds = [sample.kind for sample in samples]
    weights: NDArray[np.float64] = np.array([kinds.count(kind) ** -0.5 for kind in kinds])
    return np.asarray(weights / weights.sum())


def crop(sample: Sample, rng: Rng, config: TrainConfig) -> tuple[Tensor, NDArray[np.int32]]:
    """Cut a random square around an object, at a random scale.

    Returns
    -------
    image : (3, S, S) float32 of 0 to 255
    labels : (S, S) int32
    """
    low, high = config.any_diameters if rng.random() < config.any_scale_share else config.diameters
    scale = float(np.exp(rng.uniform(np.log(low), np.log(high)))) / sample.diameter
    scale = float(np.clip(scale, config.scale_limits[0], config.scale_limits[1]))
    size = max(8, round(config.crop_size / scale))
    top, left = _crop_origin(sample.labels, size, rng)
    rows, cols = slice(max(top, 0), top + size), slice(max(left, 0), left + size)
    image = torch.from_numpy(sample.image[:, rows, cols].copy()).float()
    labels = torch.from_numpy(sample.labels[rows, cols].copy())
    pad = (max(-left, 0), 0, max(-top, 0), 0)
    pad = (pad[0], size - pad[0] - labels.shape[1], pad[2], size - pad[2] - labels.shape[0])
    out = (config.crop_size, config.crop_size)
    image = F.interpolate(F.pad(image, pad)[None], out, mode="bilinear", antialias=True)[0]
    labels = F.interpolate(F.pad(labels, pad)[None, None].float(), out, mode="nearest-exact")[0, 0].int()
    turns, flip = int(rng.integers(4)), bool(rng.integers(2))
    image, labels = image.rot90(turns, (1, 2)), labels.rot90(turns)
    if flip:
        image, labels = image.flip(2), labels.flip(1)
    return image.clamp(0, 255).contiguous(), labels.contiguous().numpy()


def _crop_origin(labels: NDArray[np.int32], size: int, rng: Rng) -> tuple[int, int]:
    """Choose a crop's corner so that a random foreground pixel lies in it."""
    inside = np.flatnonzero(labels)
    centre = divmod(int(rng.choice(inside)) if len(inside) else labels.size // 2, labels.shape[1])
    corner = []
    for position, length in zip(centre, labels.shape, strict=True):
        start = position - int(rng.uniform(0.15, 0.85) * size)
        low, high = sorted((0, length - size))
        corner.append(int(np.clip(start, low, high)))
    return corner[0], corner[1]


def augment(image: Tensor, rng: Rng) -> Tensor:
    """Vary colour, contrast, sharpness and noise of (3, S, S) pixels of 0 to 255."""
    x = image / 255
    if rng.random() < 0.5:
        x = x[torch.from_numpy(rng.permutation(3))]
    if rng.random() < 0.3:
        mix = torch.from_numpy(rng.dirichlet(np.ones(3), size=3)).float()
        x = (mix @ x.flatten(1)).view_as(x)
    if rng.random() < 0.2:
        x = x.mean(0, keepdim=True).expand(3, -1, -1)
    if rng.random() < 0.25:
        x = 1 - x
    if rng.random() < 0.6:
        x = x.clamp(0, 1) ** float(np.exp(rng.normal(0, 0.4)))
    if rng.random() < 0.5:
        x = (x - x.mean()) * rng.uniform(0.5, 1.3) + x.mean() + rng.normal(0, 0.08)
    if rng.random() < 0.3:
        x = torch.from_numpy(ndimage.gaussian_filter(x.numpy(), (0, *[rng.uniform(0.3, 1.8)] * 2)))
    if rng.random() < 0.4:
        noise = rng.standard_normal(x.shape if rng.random() < 0.5 else x.shape[1:], dtype=np.float32)
        x = x + torch.from_numpy(noise) * rng.uniform(0.01, 0.08)
    return (x.clamp(0, 1) * 255).contiguous()


def dense_targets(labels: NDArray[np.int32]) -> Tensor:
    """Return foreground, distance to the border over the object's largest, and boundary.

    Parameters
    ----------
    labels : (S, S) int32

    Returns
    -------
    (3, S / 2, S / 2) float32
    """
    half = np.pad(labels[::2, ::2], 1, mode="edge")
    centre = half[1:-1, 1:-1]
    neighbours = (half[:-2, 1:-1], half[2:, 1:-1], half[1:-1, :-2], half[1:-1, 2:])
    boundary = np.any([centre != other for other in neighbours], axis=0) & (centre > 0)
    distance = ndimage.distance_transform_edt((centre > 0) & ~boundary) + 0.5 * boundary
    ids = np.unique(centre)
    largest = np.zeros(int(ids.max()) + 1)
    largest[ids] = ndimage.maximum(distance, centre, ids)
    normalised = distance / np.maximum(largest[centre], 0.5) * (centre > 0)
    return torch.from_numpy(np.stack([centre > 0, normalised, boundary]).astype(np.float32))
