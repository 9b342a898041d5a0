"""Annotated images, from disk into memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam.errors import DataError, ImageError
from napari_sam.files.images import IMAGE_SUFFIXES
from napari_sam.predict.image import resize, to_rgb

from .config import DataConfig
from .planes import AnnotatedPlane, is_named, read_labels, read_planes


@dataclass(frozen=True, eq=False)
class Sample:
    """One annotated image.

    Attributes
    ----------
    name : str
        The files' common stem, with the place in a stack.
    image : (3, Y, X) uint8
        Normalised as `predict.image.to_rgb` does.
    levels : tuple of (Y, X) int32
        0 background, one value an object, below 2**24 since crops pass through float32; what is nested
        comes as several, the finest first.
    diameter : float
        Median diameter of the finest objects (of a circle of their area), in pixels.
    partial : bool
        Whether there are objects that the labels do not show.
    """

    name: str
    image: NDArray[np.uint8]
    levels: tuple[NDArray[np.int32], ...]
    diameter: float
    partial: bool = False

    @property
    def labels(self) -> NDArray[np.int32]:
        """The finest level, (Y, X) int32."""
        return self.levels[0]

    @property
    def kind(self) -> str:
        """A coarse kind by appearance: colour, background and size of the objects."""
        spread = self.image.max(axis=0).astype(int) - self.image.min(axis=0)
        colour = "colour" if spread.mean() > 10 else "grey"
        ground = "bright" if np.median(self.image) > 110 else "dark"
        size = "large" if self.diameter > 40 else "small"
        return f"{colour} {ground} {size}"


def image_label_pairs(images: Path, labels: Path) -> list[tuple[Path, Path]]:
    """Match the images and labels of two folders by stem, or by the image's whole name, sorted.

    Raises
    ------
    DataError
        If a folder is missing or empty, both are the same, no two files share a stem, or it is open which of
        two label files is meant.
    """
    for folder in (images, labels):
        if not folder.is_dir():
            what = f"{folder} is no folder" if folder.exists() else f"The folder {folder} does not exist"
            raise DataError(f"{what}; give one that holds the files.")
        if not labels_in(folder):
            endings = ", ".join(IMAGE_SUFFIXES)
            raise DataError(f"{folder} holds no image ({endings}); give the folder that holds the files.")
    if images.samefile(labels):
        raise DataError(
            f"{images} cannot be images and labels at once; give the labels a folder of their own."
        )
    by_stem: dict[str, list[Path]] = {}
    for path in labels_in(labels):
        by_stem.setdefault(path.stem, []).append(path)
    # what `napari-sam auto` made of a.png and a.tif are a.png.tif and a.tif.tif
    found = ((path, by_stem.get(path.name) or by_stem.get(path.stem)) for path in images_in(images))
    pairs = [(path, files) for path, files in found if files]
    if not pairs:
        first, other = images_in(images)[0], labels_in(labels)[0]
        raise DataError(
            f"No image in {images} has a label file of the same name in {labels}: there is {first.name} here,"
            f" and {other.name} there; rename them, as {first.stem}{other.suffix}."
        )
    if several := next((files for _, files in pairs if len(files) > 1), None):
        names = " and ".join(file.name for file in several)
        raise DataError(f"{labels} holds {names} for one image; keep the one that holds the labels.")
    return [(image, files[0]) for image, files in pairs]


def looks_unnumbered(labels: Sequence[Path]) -> bool:
    """Say whether label files look like masks of all cells, or of kinds of cells: every number in pieces."""
    planes = (plane for read in map(read_labels, labels) for plane in read.reshape(-1, *read.shape[-2:]))
    in_pieces = [
        ndimage.label(plane[box] == number, np.ones((3, 3)))[1] > 1
        for plane in planes
        for number, box in enumerate(ndimage.find_objects(plane), 1)
        if box
    ]
    return bool(in_pieces) and all(in_pieces)


def images_in(folder: Path) -> list[Path]:
    """Return a folder's images by their endings, sorted, without hidden files such as macOS writes."""
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.name[0] != ".")


def labels_in(folder: Path) -> list[Path]:
    """Return a folder's label images, as `images_in` does, without the sheet of a batch that wrote them."""
    from napari_sam.automatic.batch.summary import SHEET, is_of_batch  # takes torch with it

    sheets = {SHEET} if is_of_batch(folder) else set()
    return [path for path in images_in(folder) if path.name not in sheets]


def unlabelled(images: Path, labels: Sequence[Path]) -> list[str]:
    """Return the names of a folder's images that lack labels of the same name, at one level at least."""
    used = {image for image, _ in paired_levels(images, labels)}
    return [image.name for image in images_in(images) if image not in used]


def unused(images: Path, labels: Path) -> list[str]:
    """Return the names of a folder's label images that no image has."""
    used = {file for _, file in image_label_pairs(images, labels)}
    return [file.name for file in labels_in(labels) if file not in used]


def without_objects(data: DataConfig) -> list[str]:
    """Read a whole training set, and return the names of the images whose labels show no object.

    Raises
    ------
    DataError
        If a file is unreadable, the shapes differ, or labels are no whole numbers.
    """
    return [
        image.name
        for image, labels in paired_levels(data.images, data.labels, data.stems)
        if not any(
            level.any()
            for plane in read_planes(image, labels, data.stems, data.channels)
            for level in plane.levels
        )
    ]


def read_samples(
    image_path: Path,
    *label_paths: Path,
    partial: bool = False,
    names: Collection[str] = (),
    channels: Sequence[int] = (),
) -> list[Sample]:
    """Read one annotated image, with one label image or several nested ones, the finest first.

    Of a stack, each plane whose labels show objects is a sample, or of these those that are named.

    Raises
    ------
    DataError
        If a file is unreadable, the shapes differ, or labels are no whole numbers.
    """
    planes = read_planes(image_path, label_paths, names, channels)
    return [sample_of(plane, partial=partial) for plane in planes]


def sample_of(plane: AnnotatedPlane, *, partial: bool = False) -> Sample:
    """Normalise a plane as a model sees it.

    Raises
    ------
    DataError
        If no model can see it.
    """
    try:
        pixels, _ = to_rgb(plane.pixels)
    except ImageError as error:
        raise DataError(f"{plane.name} cannot be learnt from: {error}") from error
    diameter = median_diameter(plane.levels[0])
    return Sample(plane.name, np.rint(pixels).astype(np.uint8), plane.levels, diameter, partial)


def zoomed(sample: Sample, factor: float) -> Sample:
    """Show a sample so many times as large, to measure what the size of its objects does."""
    height, width = (max(round(side * factor), 1) for side in sample.labels.shape)
    image = np.rint(resize(sample.image.astype(np.float32), (height, width))).astype(np.uint8)
    nearest = [
        ((np.arange(length) + 0.5) * side / length).astype(int)
        for length, side in zip((height, width), sample.labels.shape, strict=True)
    ]
    levels = tuple(labels[np.ix_(*nearest)] for labels in sample.levels)
    return replace(sample, image=image, levels=levels, diameter=median_diameter(levels[0]))


def median_diameter(labels: NDArray[np.int32]) -> float:
    """Return the median diameter of the objects, of circles of their areas; 32 if there are none."""
    areas = np.bincount(labels.ravel())[1:]
    areas = areas[areas > 0]
    return float(np.sqrt(np.median(areas) * 4 / np.pi)) if len(areas) else 32.0


def paired_levels(
    images: Path, labels: Sequence[Path], stems: Sequence[str] = ()
) -> list[tuple[Path, tuple[Path, ...]]]:
    """Match images, all or those of some stems or planes, with their labels at every level.

    Raises
    ------
    DataError
        If a folder is missing, or no image, or not every named one, has labels at every level.
    """
    levels = [dict(image_label_pairs(images, folder)) for folder in labels]
    wanted = [image for image in levels[0] if is_named(image, stems)]
    complete = [image for image in wanted if all(image in level for level in levels)]
    if missing := sorted(name for name in stems if not any(is_named(each, (name,)) for each in complete)):
        raise DataError(
            f"{', '.join(missing[:3])} in {images}: no such image, or none with labels at every level; give"
            " other stems."
        )
    if not complete:
        raise DataError(f"No image in {images} has labels at every level; give matching folders.")
    return [(image, tuple(level[image] for level in levels)) for image in complete]


def read_folder(config: DataConfig) -> list[Sample]:
    """Read every annotated image of one training set into memory.

    Raises
    ------
    DataError
        If a folder is missing or a file unreadable, or a level lacks all labels, or stacks do.
    """
    pairs = paired_levels(config.images, config.labels, config.stems)
    read = [
        read_samples(image, *labels, partial=config.partial, names=config.stems, channels=config.channels)
        for image, labels in pairs
    ]
    if not any(read):
        raise DataError(f"No labels of the stacks in {config.images} show an object; annotate some planes.")
    return list(chain.from_iterable(read))


def drawn_from(sets: Sequence[tuple[list[Sample], float]]) -> tuple[list[Sample], NDArray[np.float64]]:
    """Return the images of sets that are drawn from by weight, and how often each is; 1 in all."""
    weights = np.concatenate([kind_weights(samples) * weight for samples, weight in sets])
    return [sample for samples, _ in sets for sample in samples], weights / weights.sum()


def kind_weights(samples: Sequence[Sample]) -> NDArray[np.float64]:
    """Weigh images so that rare kinds are drawn more often: one over the root of the kind's count."""
    kinds = [sample.kind for sample in samples]
    weights: NDArray[np.float64] = np.array([kinds.count(kind) ** -0.5 for kind in kinds])
    return np.asarray(weights / weights.sum())
