from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_sam.training.alike import alike
from napari_sam.training.config import DataConfig, TrainConfig
from napari_sam.training.finetune import FineTuning
from napari_sam.training.measuring.sets import Folder
from napari_sam.training.samples import Sample, read_folder


@pytest.fixture
def samples(data_folder: Path) -> list[Sample]:
    folder = data_folder / "dsb2018"
    return read_folder(DataConfig(folder / "images", (folder / "labels",)))


def changed(sample: Sample, how: str) -> Sample:
    picture = Image.fromarray(np.moveaxis(sample.image, 0, -1))
    if how == "turned":
        picture = picture.transpose(Image.Transpose.TRANSVERSE)
    elif how == "brightened":
        picture = picture.point(lambda value: 255 * (value / 255) ** 0.6)
    elif how == "enlarged":
        picture = picture.resize((2 * picture.width, 2 * picture.height))
    pixels = np.asarray(picture)
    if how == "noisy":
        pixels = (pixels + np.random.default_rng(0).normal(0, 8, pixels.shape)).clip(0, 255).astype(np.uint8)
    return replace(sample, name=how, image=np.moveaxis(pixels, -1, 0))


@pytest.mark.parametrize("how", ["turned", "brightened", "enlarged", "noisy"])
def test_alike_when_an_image_was_changed_and_saved_again_then_names_it_with_the_first(
    samples: list[Sample], how: str
) -> None:
    for sample in samples:
        assert alike([changed(sample, how)], samples) == {how: sample.name}


def test_alike_when_images_are_others_or_flat_then_names_none(samples: list[Sample]) -> None:
    flat = replace(samples[0], name="flat", image=np.full((3, 50, 60), 7, np.uint8))
    for index, sample in enumerate(samples):
        assert alike([sample, flat], [*samples[:index], *samples[index + 1 :], flat]) == {}


def test_alike_when_all_share_uneven_light_then_names_none() -> None:
    rng, (rows, cols) = np.random.default_rng(0), np.mgrid[-1:1:128j, -1:1:128j]
    scenes = []
    for number in range(4):
        seen = 200 * (1 - 0.3 * (rows**2 + cols**2))
        for row, col in rng.integers(0, 128, (20, 2)):
            seen[max(row - 4, 0) : row + 4, max(col - 4, 0) : col + 4] -= 40
        image = np.broadcast_to(seen.clip(0, 255).astype(np.uint8), (3, 128, 128))
        scenes.append(Sample(str(number), image, (np.zeros((128, 128), np.int32),), 8.0))
    assert alike(scenes[:2], scenes[2:]) == {}


def test_alike_when_a_turned_copy_is_learnt_from_then_the_held_out_image_is_named(
    tmp_path: Path, samples: list[Sample]
) -> None:
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    first, other = (np.moveaxis(sample.image, 0, -1) for sample in samples[:2])
    for name, image, sample in (
        ("a", first, samples[0]),
        ("b", other, samples[1]),
        ("c", first[::-1], replace(samples[0], levels=(samples[0].labels[::-1],))),
    ):
        Image.fromarray(np.ascontiguousarray(image)).save(tmp_path / "images" / f"{name}.png")
        labels = np.ascontiguousarray(sample.labels, np.uint16)
        Image.fromarray(labels).save(tmp_path / "labels" / f"{name}.png")
    data = DataConfig(tmp_path / "images", (tmp_path / "labels",), stems=("b", "c"))
    task = FineTuning(TrainConfig((data,)), Folder(data.images, data.labels, ("a",)))
    assert task.alike() == {"a": "c"}
