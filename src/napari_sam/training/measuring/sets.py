"""Annotated images that a model is measured on: of a folder, or generated."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_sam.errors import DataError

from ..config import DataConfig
from ..planes import AnnotatedPlane, Place, name_of, places_in, read_planes
from ..samples import Sample, median_diameter, paired_levels, sample_of, zoomed
from ..synthetic import scene

SCENE_SIDE = 320
"""Side of the generated scenes that a model is measured on, in pixels."""


@dataclass(frozen=True)
class Folder:
    """Annotated images on disk.

    Attributes
    ----------
    images : Path
    labels : tuple of Path
        0 for background, one value an object; several folders, the finest first, where objects are nested.
    stems : tuple of str
        Names of the images to take, without their endings, or of planes as `names` has them; none for all.
    zoom : float
        How many times as large they are shown, to measure objects of other sizes.
    channels : tuple of int
        Which channels are seen; none for all.
    """

    images: Path
    labels: tuple[Path, ...]
    stems: tuple[str, ...] = ()
    zoom: float = 1.0
    channels: tuple[int, ...] = ()
    _held: dict[int, dict[Place, AnnotatedPlane]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def of(cls, data: DataConfig, stems: tuple[str, ...]) -> Folder:
        """Return the images of a configured set that have these names, seen as it says; all, of none."""
        return cls(data.images, data.labels, stems, channels=data.channels)

    @cached_property
    def pairs(self) -> list[tuple[Path, tuple[Path, ...]]]:
        """The images' files, each with those of its labels."""
        return paired_levels(self.images, self.labels, self.stems)

    @cached_property
    def planes(self) -> list[tuple[int, Place]]:
        """Of every plane, which pair of files holds it, and where; of stacks, those with labels alone.

        A pair whose labels cannot be read counts as one, which raises the error when it is asked for.
        """
        return [(file, place) for file in range(len(self.pairs)) for place in self._places_of(file)]

    def _places_of(self, file: int) -> list[Place]:
        try:
            return places_in(*self.pairs[file], self.stems)
        except DataError:
            return [()]

    @cached_property
    def names(self) -> list[str]:
        """The planes' names, as in a report: with the file's ending where it alone tells two apart."""
        images = [self.pairs[file][0] for file, _ in self.planes]
        names = [name_of(image, place) for image, (_, place) in zip(images, self.planes, strict=True)]
        often = Counter(names)
        return [
            name if often[name] == 1 else f"{name} ({image.suffix[1:]})"
            for name, image in zip(names, images, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.planes)

    def __getitem__(self, index: int) -> tuple[NDArray[np.generic], Sample]:
        file, place = self.planes[index]
        plane = self._planes_of(file)[place]
        sample = replace(sample_of(plane), name=self.names[index])
        if self.zoom == 1:
            return plane.pixels, sample
        sample = zoomed(sample, self.zoom)
        return sample.image.transpose(1, 2, 0), sample

    def _planes_of(self, file: int) -> dict[Place, AnnotatedPlane]:
        """Read a pair of files, and hold it until another is asked for: planes of a stack come in turns."""
        if file not in self._held:
            self._held.clear()
            read = read_planes(*self.pairs[file], self.stems, self.channels)
            self._held[file] = {plane.place: plane for plane in read}
        return self._held[file]


@dataclass(frozen=True)
class Scenes:
    """Generated scenes with three nested levels, made anew whenever they are asked for.

    Attributes
    ----------
    count : int
    seed : int
    """

    count: int
    seed: int = 0

    @property
    def names(self) -> list[str]:
        """The scenes' names, as in a report."""
        return [f"scene {index}" for index in range(self.count)]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[NDArray[np.generic], Sample]:
        rng = np.random.default_rng([self.seed, index])
        made = scene(rng, SCENE_SIDE)
        while len(made.levels) < 3:
            made = scene(rng, SCENE_SIDE)
        diameter = median_diameter(made.levels[0])
        return made.image.transpose(1, 2, 0), Sample(self.names[index], made.image, made.levels, diameter)
