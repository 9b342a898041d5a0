"""Which of a user's images are kept from the training, to see whether the model became better."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np

from napari_sam.errors import DataError
from napari_sam.files.images import read_image
from napari_sam.weights import locate, read_metadata

from .config import DataConfig
from .planes import is_named, name_of, read_labels
from .samples import paired_levels

EVERY = 5
"""One of so many images is held out, at least one."""
LEARNT = "learnt"
"""What a model's file calls the digests of the images that it has learnt from."""
DIGITS = 16
"""Of a digest: enough to tell all images of a laboratory apart."""


def hold_out(
    data: DataConfig, seed: int, told: Mapping[Path, str], learnt: Collection[str] = ()
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Draw every fifth image, at least one; return the stems to learn from and those held out.

    Files that are one image stay together, and what is held out has objects to measure on.

    Parameters
    ----------
    data : DataConfig
    seed : int
    told : mapping of Path to str
        The images and their digests, as `digests` gives them.
    learnt : collection of str
        Digests of images that the start model has learnt from: they are not held out.

    Raises
    ------
    DataError
        If there are fewer than two images with objects, or the start model has learnt from all of them;
        or a file cannot be read.
    """
    shown = _shown(data)
    groups = one_image_each(told)
    order = np.random.default_rng(seed).permutation(len(groups)).tolist()
    usable = [index for index in order if shown.keys() & groups[index]]
    first = [next(image for image in groups[index] if image in shown) for index in usable]
    planes = shown[first[0]] if len(first) == 1 else []
    if len(usable) < 2 and len(planes) < 2:
        raise DataError(
            f"Fewer than two different images in {data.images} have labels that show objects, and one is held"
            " out to see whether the model became better; give at least two."
        )
    fresh = [index for index in usable if all(told[image] not in learnt for image in groups[index])]
    if not fresh:
        raise DataError(
            f"The start model has learnt from all labelled images in {data.images}, so that none would show"
            " whether it became better; add one that it has not seen, or begin with another model."
        )
    if planes:
        held_planes = max(len(planes) // EVERY, 1)
        return tuple(planes[:-held_planes]), tuple(planes[-held_planes:])
    held = fresh[: min(max(len(groups) // EVERY, 1), len(usable) - 1)]
    kept = [index for index in order if index not in held]
    return _stems(groups[index] for index in sorted(kept)), _stems(groups[index] for index in sorted(held))


def _shown(data: DataConfig) -> dict[Path, list[str]]:
    """Return the images whose finest labels show objects, each with the names of the planes that do."""
    shown = {}
    for image, labels in paired_levels(data.images, data.labels, data.stems):
        finest = read_labels(labels[0])
        places = [place for place in np.ndindex(finest.shape[:-2]) if finest[place].any()]
        if names := [name_of(image, place) for place in places if is_named(image, data.stems, place)]:
            shown[image] = names
    return shown


def one_image_each(told: Mapping[Path, str]) -> list[list[Path]]:
    """Group files that are one image: of one stem, or the same in every pixel.

    Parameters
    ----------
    told : mapping of Path to str
        Files and their digests.
    """
    files: dict[str, list[Path]] = {}
    for image in told:
        files.setdefault(image.stem, []).append(image)
    first: dict[str, str] = {}
    groups: dict[str, list[Path]] = {}
    for stem, same in files.items():
        contents = [told[file] for file in same]
        name = next((first[content] for content in contents if content in first), stem)
        first.update(dict.fromkeys(contents, name))
        groups.setdefault(name, []).extend(same)
    return list(groups.values())


def digests(data: DataConfig) -> dict[Path, str]:
    """Return the images of a set that have labels, each with its digest; all are read.

    Raises
    ------
    DataError
        If a file cannot be read as an image.
    """
    return {image: digest(image) for image, _ in paired_levels(data.images, data.labels, data.stems)}


def digest(image: Path) -> str:
    """Return what tells an image from others, by its pixels, whatever its file is called.

    Raises
    ------
    DataError
        If the file cannot be read as an image.
    """
    pixels = np.ascontiguousarray(read_image(image))
    said = f"{pixels.dtype} {pixels.shape}".encode()
    return hashlib.sha256(said + pixels.tobytes()).hexdigest()[:DIGITS]


def learnt_by(init: Path | None) -> set[str]:
    """Return digests of the images that a model's file says it has learnt from; none for other people's."""
    return set() if init is None else set(read_metadata(locate(init)[0]).get(LEARNT, "").split())


def told_of(before: Iterable[str], now: Iterable[str]) -> dict[str, str]:
    """Return what a model's file says of the images that it has learnt from, from their digests.

    Parameters
    ----------
    before : iterable of str
        Of those that its start model has learnt from, as `learnt_by` gives them.
    now : iterable of str
    """
    return {LEARNT: " ".join(sorted({*before, *now}))}


def _stems(groups: Iterable[Iterable[Path]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(image.stem for group in groups for image in group))
