from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_sam.automatic import DenseSettings, dense_instances, watershed_instances
from napari_sam.automatic.instances import dense_maps
from napari_sam.errors import ImageError
from napari_sam.predict import Predictor
from napari_sam.training.scores import average_precision
from napari_sam.training.targets import dense_targets
from napari_sam.weights import LoadedModel, load_model


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(load_model("cell-tiny", device="cpu", precision="float32"))


def discs() -> np.ndarray:
    rows, cols = np.mgrid[:120, :160]
    labels = np.zeros((120, 160), np.int32)
    for number, (row, col, radius) in enumerate([(30, 30, 16), (30, 60, 16), (80, 110, 24), (90, 40, 9)], 1):
        labels[(rows - row) ** 2 + (cols - col) ** 2 <= radius**2] = number
    return labels


def test_watershed_instances_when_maps_are_right_then_every_object_comes_back() -> None:
    truth = discs()
    maps = dense_targets(truth, 0)[:3].numpy().repeat(2, 1).repeat(2, 2)
    found = watershed_instances(maps)
    assert found.max() == 4
    assert average_precision(truth, found, [0.5, 0.75]).tolist() == [1.0, 1.0]


def test_watershed_instances_when_objects_are_smaller_than_asked_then_left_out_and_renumbered() -> None:
    maps = dense_targets(discs(), 0)[:3].numpy().repeat(2, 1).repeat(2, 2)
    found = watershed_instances(maps, DenseSettings(smallest=25))
    assert np.unique(found).tolist() == [0, 1, 2, 3]
    assert watershed_instances(np.zeros_like(maps)).max() == 0


def test_dense_maps_when_asked_at_a_level_then_they_cover_the_image_there(predictor: Predictor) -> None:
    embedding = predictor.embed(np.zeros((150, 201), np.uint8))
    assert dense_maps(predictor, embedding).shape == (3, 150, 201)
    maps = dense_maps(predictor, embedding, level=1)
    assert maps.shape == (3, 75, 101)
    assert 0 <= maps.min() <= maps.max() <= 1


def test_dense_instances_when_nuclei_are_bright_then_most_are_found(
    predictor: Predictor, data_folder: Path
) -> None:
    from napari_sam.training.evaluate import Folder

    folder = Folder(data_folder / "dsb2018" / "images", (data_folder / "dsb2018" / "labels",))
    precision = []
    for index in range(len(folder)):
        image, sample = folder[index]
        found = dense_instances(predictor, predictor.embed(image))
        assert found.shape == sample.labels.shape
        precision.append(average_precision(sample.labels, found, [0.5])[0])
    assert max(precision) > 0.4


def test_dense_instances_when_the_model_has_no_dense_head_then_says_so(discs_model: LoadedModel) -> None:
    predictor = Predictor(discs_model)
    with pytest.raises(ImageError, match="dense head"):
        dense_instances(predictor, predictor.embed(np.zeros((40, 40), np.uint8)))
