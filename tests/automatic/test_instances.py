from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from napari_sam.automatic import (
    DenseSettings,
    DenseView,
    MaskRecord,
    dense_instances,
    instance_masks,
    watershed_instances,
)
from napari_sam.automatic.cutting import faint_instances, sizes
from napari_sam.automatic.dense import Maps, doubled
from napari_sam.automatic.instances import to_image, together, two_looks
from napari_sam.errors import Cancelled, ImageError
from napari_sam.files.images import read_image
from napari_sam.predict import Predictor, Prompts
from napari_sam.predict.drawing import pointed_at
from napari_sam.training.measuring.scores import average_precision
from napari_sam.training.targets import dense_targets
from napari_sam.weights import LoadedModel, load_model


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(load_model("cell-tiny", device="cpu", precision="float32"))


class Drawn(DenseView):
    """Sees what was drawn, at each scale, on an image without features of its own."""

    def __init__(self, predictor: Predictor, shape: tuple[int, int], maps: dict[float, Maps]) -> None:
        super().__init__(predictor, predictor.embed(np.zeros(shape, np.uint8)))
        self._maps = maps


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
    # sizes are those of the image, whatever the scale that it is seen at: 64, 64, 96 and 36 pixels here
    for sizes_, count in (({"smallest": 50}, 3), ({"largest": 80}, 3), ({"smallest": 50, "largest": 80}, 2)):
        assert watershed_instances(maps, DenseSettings(**sizes_), scale=0.5).max() == count
    for wrong in ({"smallest": 30, "largest": 20}, {"smallest": -1}, {"foreground": np.nan}):
        with pytest.raises(ImageError, match="give"):
            DenseSettings(**wrong)


def test_faint_instances_when_a_thing_is_too_faint_for_the_first_look_then_it_alone_is_found() -> None:
    truth = discs()
    maps = dense_targets(truth, 0)[:3].numpy().repeat(2, 1).repeat(2, 2)
    faint = truth == 4
    maps[:2, ndimage.binary_dilation(faint, iterations=3)] *= 0.28  # too dark and too flat for the first
    found = watershed_instances(maps)
    assert found.max() == 3
    assert not found[faint].any()
    second = faint_instances(maps, found)
    assert second.max() == 1
    assert average_precision(faint.astype(np.int32), second, [0.5, 0.75]).tolist() == [1.0, 1.0]
    assert not faint_instances(maps, found + second).any()
    assert not faint_instances(maps, found, DenseSettings(foreground=0.95)).any()


def test_two_looks_when_an_image_is_seen_then_the_first_is_that_of_dense_instances(
    predictor: Predictor, data_folder: Path
) -> None:
    image = read_image(data_folder / "dsb2018" / "images" / "29dd28df98ee.png")
    view = DenseView(predictor, predictor.embed(image))
    found, faint, _ = two_looks(view)
    np.testing.assert_array_equal(found, dense_instances(view))
    assert faint.shape == found.shape
    assert not (found.astype(bool) & faint.astype(bool)).any()


def test_two_looks_when_foreground_is_raised_then_objects_are_fewer_and_tighter_and_none_in_pieces(
    predictor: Predictor,
) -> None:
    rows, cols = np.mgrid[:120, :160]
    faint = np.hypot(rows - 30, cols - 125) / 20
    radius = np.minimum(np.hypot(rows - 70, cols - 50) / 24, 1)
    likely = np.where(radius < 1, 1 - 0.4 * radius, np.where(faint < 1, 0.3 - 0.1 * faint, 0))
    likely[:, 48:53] = np.minimum(likely[:, 48:53], 0.75)  # a seam, by which a high threshold would part it
    deep = np.where(radius < 1, 1 - radius, np.where(faint < 1, 0.28 * (1 - faint), 0))
    view = Drawn(predictor, (120, 160), {1.0: np.stack([likely, deep, 0 * deep]).astype(np.float32)})
    before = None
    for foreground, counts in ((0.5, (1, 1)), (0.55, (1, 1)), (0.7, (1, 0)), (0.9, (1, 0)), (1.0, (0, 0))):
        settings = DenseSettings(foreground=foreground)
        *looks, _ = two_looks(view, settings)
        assert (looks[0].max(), looks[1].max()) == counts
        np.testing.assert_array_equal(looks[0], dense_instances(view, settings))
        now = np.stack(looks) > 0
        assert before is None or (now.sum() < before.sum() and (now <= before).all())
        before = now


def test_maps_when_asked_at_a_scale_then_they_cover_the_image_there(predictor: Predictor) -> None:
    view = DenseView(predictor, predictor.embed(np.zeros((150, 201), np.uint8)))
    assert view.maps().shape == (3, 150, 201)
    maps = view.maps(0.5)
    assert maps.shape == (3, 75, 101)
    assert view.maps(2.0).shape == (3, 300, 402)
    assert 0 <= maps.min() <= maps.max() <= 1
    assert view.maps(0.5) is maps


def test_maps_when_all_was_seen_enlarged_then_prompts_are_answered_from_it(
    predictor: Predictor, data_folder: Path
) -> None:
    embedding = predictor.embed(read_image(data_folder / "dsb2018" / "images" / "29dd28df98ee.png"))
    view = DenseView(predictor, embedding)
    row, col = np.argwhere(dense_instances(view) > 0)[0].tolist()
    box = Prompts(box=(row - 6, col - 6, row + 6, col + 6))
    enlarged, _ = view.asked_on(2.0)
    assert enlarged.fine[0].whole is not None
    held = view.nbytes
    predictor.predict(enlarged, box)
    assert view.nbytes == held  # nothing was encoded for it
    assert embedding.fine[0].whole is None  # clicks of a person do not depend on what else was asked
    predictor.predict(embedding, box)
    assert len(embedding.fine[0].tiles) == 1


def test_maps_when_enlarged_features_are_too_large_then_they_are_not_kept_and_the_image_is_not_turned(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedding = predictor.embed(np.zeros((64, 64), np.uint8))
    monkeypatch.setattr("napari_sam.automatic.dense.LARGEST", 1000)
    view = DenseView(predictor, embedding)
    assert view.maps(2.0).shape == (3, 128, 128)
    assert view.asked_on(2.0) == (embedding, None)


def test_maps_when_cancelled_on_the_way_then_nothing_of_the_enlarged_image_is_kept(
    predictor: Predictor,
) -> None:
    view = DenseView(predictor, predictor.embed(np.zeros((64, 64), np.uint8)))
    asked: list[int] = []

    def second_time() -> bool:
        asked.append(1)
        return len(asked) > 1

    with pytest.raises(Cancelled):
        view.maps(2.0, second_time)
    assert view.asked_on(2.0) == (view.embedding, None)
    assert view.embedding.fine[0].whole is None
    assert view.maps(2.0).shape == (3, 128, 128)


def test_doubled_when_a_target_is_brought_to_input_pixels_then_it_lies_where_the_object_does() -> None:
    truth = discs() == 3
    half = dense_targets(truth.astype(np.int32), 0)[:1]
    whole = doubled(2 * half[None] - 1)[0, 0].numpy() > 0
    assert whole.shape == truth.shape
    assert np.abs(np.argwhere(whole).mean(axis=0) - np.argwhere(truth).mean(axis=0)).max() < 0.1


@pytest.mark.parametrize("scale", [2.0, 0.5])
def test_to_image_when_labels_are_of_another_scale_then_each_pixel_shows_what_lies_at_its_middle(
    scale: float,
) -> None:
    rows, cols = np.mgrid[: int(40 * scale), : int(60 * scale)]
    there = (rows >= 10 * scale) & (cols < 30 * scale)
    here = to_image(there.astype(np.int32), (40, 60), scale)
    assert np.array_equal(here == 1, (np.mgrid[:40, :60][0] >= 10) & (np.mgrid[:40, :60][1] < 30))


def test_dense_instances_when_nuclei_are_tiny_then_they_are_looked_at_enlarged(predictor: Predictor) -> None:
    rng = np.random.default_rng(0)
    truth = np.zeros((160, 160), np.int32)
    rows, cols = np.mgrid[:160, :160]
    for number, place in enumerate(np.ndindex(8, 8), 1):
        centre = np.array(place) * 20 + 10 + rng.uniform(-3, 3, 2)
        truth[(rows - centre[0]) ** 2 + (cols - centre[1]) ** 2 < 16] = number
    image = ndimage.gaussian_filter(np.where(truth > 0, 180.0, 20.0), 1) + rng.normal(0, 4, truth.shape)
    embedding = predictor.embed(image.clip(0, 255).astype(np.uint8))
    view, other = DenseView(predictor, embedding), DenseView(predictor, embedding)
    found = dense_instances(view)
    assert view.asked_on(2.0)[1] is not None
    assert view.asked_on(1.0) == (embedding, None)
    assert average_precision(truth, found, [0.5])[0] > 0.8
    dense_instances(other, DenseSettings(smallest_diameter=0))
    assert other.asked_on(2.0) == (embedding, None)


def test_sizes_when_a_large_object_is_among_small_ones_then_its_own_is_where_most_pixels_lie() -> None:
    labels = np.zeros((100, 100), np.int32)
    for number in range(9):
        labels[90:94, 10 * number : 10 * number + 4] = number + 1
    labels[:60, :60] = 10
    median, diameter = sizes(labels)
    assert median == pytest.approx(4 * np.sqrt(4 / np.pi))
    assert diameter == pytest.approx(60 * np.sqrt(4 / np.pi))
    assert sizes(np.zeros((5, 5), np.int32)) == (0, 0)


@pytest.mark.parametrize(("prominence", "count"), [(0.05, 2), (0.15, 2), (0.6, 1)])
def test_watershed_instances_when_a_saddle_is_shallower_than_asked_then_two_peaks_are_one(
    prominence: float, count: int
) -> None:
    rows, cols = np.mgrid[:60, :90]
    first, other = (1 - np.hypot(rows - 30, cols - middle) / 22 for middle in (30, 56))
    distance = np.clip(np.maximum(first, 0.95 * other), 0, 1)
    maps = np.stack([distance > 0, distance, np.zeros_like(distance)]).astype(np.float32)
    assert distance[30, 43] == pytest.approx(0.41, abs=0.01)  # the saddle, between peaks of 1 and 0.95
    assert watershed_instances(maps, DenseSettings(prominence=prominence)).max() == count


def test_watershed_instances_when_two_peaks_are_equal_then_only_a_fall_between_them_parts_them() -> None:
    rows, cols = np.mgrid[:64, :90]

    def maps(between: int) -> np.ndarray:
        middles = (45 - between // 2, 45 + between // 2)
        distance = np.max([1 - np.hypot(rows - 32, cols - middle) / 22 for middle in middles], axis=0)
        return np.stack([distance > 0, distance.clip(0), np.zeros_like(distance)]).astype(np.float32)

    near, far = maps(4), maps(26)
    assert far[1, 32, 45] == pytest.approx(1 - 13 / 22)
    for each in (near, far):
        assert np.array_equal(each, each[..., ::-1][..., np.r_[89, :89]])  # the peaks are exactly equal
    assert watershed_instances(near).max() == 1
    assert watershed_instances(far).max() == 2


def test_watershed_instances_when_much_is_joined_then_what_background_parts_stays_apart() -> None:
    maps = dense_targets(discs(), 0)[:3].numpy().repeat(2, 1).repeat(2, 2)
    maps[1] *= np.linspace(0.5, 1, maps.shape[2], dtype=np.float32)
    joined = watershed_instances(maps, DenseSettings(prominence=0.6))
    assert joined.max() == 3
    assert joined[30, 30] == joined[30, 60] > 0
    assert joined[80, 110] != joined[90, 40] > 0


def test_together_when_a_coarse_map_shows_the_same_then_it_stays_in_place() -> None:
    rows, cols = np.mgrid[:64, :80]
    fine = np.stack([np.sin(rows / 9) * np.cos(cols / 11)] * 3).astype(np.float32)
    coarse = fine.reshape(3, 32, 2, 40, 2).mean(axis=(2, 4))
    mean = together(fine, coarse)
    assert mean.shape == fine.shape
    assert np.abs(mean - fine)[:, 2:-2, 2:-2].max() < 0.01


def test_dense_instances_when_large_objects_are_in_pieces_then_two_scales_are_seen(
    predictor: Predictor,
) -> None:
    maps = {scale: np.zeros((3, round(200 * scale), round(200 * scale)), np.float32) for scale in (1.0, 0.5)}
    for scale, each in maps.items():
        rows, cols = np.mgrid[: each.shape[1], : each.shape[2]] / scale
        radius = np.hypot((rows % 100) - 50, (cols % 100) - 50)
        each[0], each[1] = radius < 26, np.clip((26 - radius) / 8, 0, 0.8)
    crack = (np.arange(200) % 100 > 60) & (np.arange(200) % 100 < 69)
    maps[1.0][1, crack] *= 0.55
    view = Drawn(predictor, (200, 200), maps)
    apart, fused = DenseSettings(smoothing=0, uneven=0), DenseSettings(smoothing=0)
    assert dense_instances(view, apart).max() == 8
    assert dense_instances(view, fused).max() == 4


def test_dense_instances_when_a_coarse_scale_shows_what_holds_the_objects_then_they_are_found_enlarged(
    predictor: Predictor,
) -> None:
    maps = {}
    for scale in (2.0, 1.0, 0.5, 0.25, 0.125):
        rows, cols = np.mgrid[: round(400 * scale), : round(400 * scale)] / scale
        tissue = np.hypot(rows - 200, cols - 200) / 160
        radius = np.hypot(rows % 40 - 20, cols % 40 - 20) / 12  # of 100 nuclei
        seen, deep = (tissue < 1, 1 - tissue) if scale < 1 else (radius < 1, 1 - radius)
        block = (rows < 240) & (rows % 80 < 76) & (cols % 80 < 76) & (scale == 1)  # four taken for one
        deep = np.where(block, 0.5, deep.clip(0))
        maps[scale] = np.stack([seen | block, deep, 0 * rows]).astype(np.float32)
    assert dense_instances(Drawn(predictor, (400, 400), maps)).max() == 100


def test_dense_instances_when_some_things_are_too_large_then_the_others_tell_the_scale(
    predictor: Predictor,
) -> None:
    maps = {}
    for scale in (2.0, 1.0, 0.5, 0.25, 0.125):
        rows, cols = np.mgrid[: round(400 * scale), : round(400 * scale)] / scale
        gland = np.hypot(rows - 200, cols - 120) / 115
        cells = np.where(cols > 250, np.hypot(rows % 50 - 25, cols % 50 - 25) / 20, 1)  # 24, seen from near
        nearest = np.minimum(gland, cells) if scale >= 1 else gland
        maps[scale] = np.stack([nearest < 1, (1 - nearest).clip(0), 0 * rows]).astype(np.float32)
    view = Drawn(predictor, (400, 400), maps)
    assert dense_instances(view).max() == 1
    assert dense_instances(view, DenseSettings(largest=60)).max() == 24


def test_dense_instances_when_nuclei_are_bright_then_most_are_found(
    predictor: Predictor, data_folder: Path
) -> None:
    from napari_sam.training.measuring.sets import Folder

    folder = Folder(data_folder / "dsb2018" / "images", (data_folder / "dsb2018" / "labels",))
    precision = []
    for index in range(len(folder)):
        image, sample = folder[index]
        found = dense_instances(DenseView(predictor, predictor.embed(image)))
        assert found.shape == sample.labels.shape
        precision.append(average_precision(sample.labels, found, [0.5])[0])
    assert max(precision) > 0.4


def test_dense_view_when_the_model_has_no_dense_head_then_says_so(discs_model: LoadedModel) -> None:
    predictor = Predictor(discs_model)
    with pytest.raises(ImageError, match="dense head"):
        DenseView(predictor, predictor.embed(np.zeros((40, 40), np.uint8)))


def test_instance_masks_when_objects_are_large_then_each_is_the_answer_to_its_box_alone(
    predictor: Predictor,
) -> None:
    rows, cols = np.mgrid[:200, :300]
    image = np.random.default_rng(0).normal(40, 4, rows.shape)
    for row, col in ((60, 60), (120, 150), (70, 240)):
        image[np.hypot(rows - row, cols - col) < 27] += 120
    embedding = predictor.embed(image.astype(np.float32))
    view = DenseView(predictor, embedding)
    records = instance_masks(predictor, embedding, view=view)
    assert view.asked_on(2.0) == (embedding, None)
    assert len(records) == 3
    for record in records:
        answer = predictor.predict(embedding, Prompts(box=record.box))
        item = pointed_at(answer.items[answer.best], np.array([record.point]))
        both = Prompts([record.point], [1], record.box)
        assert overlap(record, item.origin, item.mask) > 0.99
        assert predictor.predict(embedding, both).items[0].iou_prediction != item.iou_prediction


def overlap(record: MaskRecord, origin: tuple[int, int], mask: np.ndarray) -> float:
    """Return the IoU of a record's mask and another one."""
    one, other = np.zeros((2, 200, 300), bool)
    for full, (row, col), part in ((one, record.origin, record.mask), (other, origin, mask)):
        full[row : row + part.shape[0], col : col + part.shape[1]] = part
    return float((one & other).sum() / (one | other).sum())
