import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from napari_sam.errors import DataError
from napari_sam.training.appearance import augment
from napari_sam.training.augment import LARGEST_SCENE, SMALLEST_SCENE, crop, generated
from napari_sam.training.config import DataConfig, TrainConfig
from napari_sam.training.data import Batches
from napari_sam.training.measuring.sets import Folder
from napari_sam.training.samples import Sample, image_label_pairs, kind_weights, read_folder, read_samples
from napari_sam.training.simulate import initial_prompts
from napari_sam.training.synthetic import Scene
from napari_sam.training.synthetic.visibility import border_contrast, steepness
from napari_sam.training.targets import dense_targets
from napari_sam.training.whole import frame


@pytest.fixture
def folder(tmp_path: Path) -> DataConfig:
    rng = np.random.default_rng(0)
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for index in range(3):
        labels = np.zeros((90, 120), np.uint16)
        labels[10:30, 10:34] = 1
        labels[50:80, 60:100] = 2
        image = (labels > 0) * 120 + rng.integers(0, 40, labels.shape)
        Image.fromarray(image.astype(np.uint8)).save(tmp_path / "images" / f"{index}.png")
        tifffile.imwrite(tmp_path / "labels" / f"{index}.tif", labels)
    return DataConfig(tmp_path / "images", (tmp_path / "labels",))


def small(folder: DataConfig, **settings: object) -> TrainConfig:
    return TrainConfig(data=(folder,), crops=2, prompts_per_crop=3, crop_size=64, **settings)  # type: ignore[arg-type]


def test_read_folder_when_files_match_then_every_image_is_normalised(folder: DataConfig) -> None:
    samples = read_folder(folder)
    assert [sample.name for sample in samples] == ["0", "1", "2"]
    assert samples[0].image.shape == (3, 90, 120)
    assert samples[0].image.max() == 255
    assert samples[0].image.min() == 0
    assert samples[0].diameter == pytest.approx(np.sqrt((20 * 24 + 30 * 40) / 2 * 4 / np.pi))


def test_crop_when_turned_and_stretched_then_labels_lie_on_what_is_seen(folder: DataConfig) -> None:
    y, x = np.mgrid[:400, :400]
    labels = np.where(
        np.hypot((y + 40) % 80 - 40, (x + 40) % 80 - 40) < 20, y // 80 * 6 + x // 80 + 1, 0
    ).astype(np.int32)
    image = np.repeat(np.where(labels > 0, 200, 50)[None], 3, axis=0).astype(np.uint8)
    config = small(folder, diameters=(16.0, 16.0), any_scale_share=0.0, aspect=0.1)
    seen = []
    for seed in range(16):
        cut = crop(Sample("discs", image, (labels,), 40.0), np.random.default_rng(seed), config)
        assert cut.image.shape == (3, 64, 64)
        areas = np.bincount(cut.levels[0].ravel())[1:]
        assert areas.max() == pytest.approx(np.pi * 8**2, rel=0.15)
        seen.append(np.corrcoef(cut.image.mean(0).ravel(), cut.levels[0].ravel() > 0)[0, 1])
    # some are inverted, blurred, noisy, or little but their borders is left by a random filter
    assert np.quantile(np.abs(seen), 0.25) > 0.75


def test_image_label_pairs_when_nothing_matches_then_says_so(folder: DataConfig, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match="other holds no image"):
        image_label_pairs(folder.images, tmp_path / "other")
    shutil.copy(folder.labels[0] / "0.tif", tmp_path / "other" / "0_masks.tif")
    with pytest.raises(DataError, match=r"0\.png here, and 0_masks\.tif there; rename them, as 0\.tif"):
        image_label_pairs(folder.images, tmp_path / "other")
    with pytest.raises(DataError, match="images and labels at once"):
        image_label_pairs(folder.images, folder.images)
    shutil.copy(folder.images / "1.png", folder.labels[0])
    with pytest.raises(DataError, match=r"labels holds 1\.png and 1\.tif for one image"):
        image_label_pairs(folder.images, folder.labels[0])
    with pytest.raises(DataError, match="does not exist"):
        image_label_pairs(folder.images, tmp_path / "missing")


def test_image_label_pairs_when_macos_left_its_files_then_they_are_no_images(folder: DataConfig) -> None:
    for place in (folder.images / "._0.png", folder.labels[0] / "._0.tif"):
        place.write_bytes(b"Mac OS X")
    pairs = image_label_pairs(folder.images, folder.labels[0])
    assert [image.name for image, _ in pairs] == ["0.png", "1.png", "2.png"]


def test_read_folder_when_labels_have_another_size_then_says_so(folder: DataConfig) -> None:
    tifffile.imwrite(folder.labels[0] / "1.tif", np.zeros((5, 5), np.uint16))
    with pytest.raises(DataError, match="give labels of the image's size"):
        read_folder(folder)


def test_read_folder_when_an_image_is_no_plane_or_a_named_one_is_missing_then_names_it(
    folder: DataConfig,
) -> None:
    with pytest.raises(DataError, match=r"x1, x2 in .*images: no such image"):
        read_folder(replace(folder, stems=("0", "x2", "x1")))
    tifffile.imwrite(folder.images / "1.tif", np.zeros((7, 90, 120), np.uint8))
    (folder.images / "1.png").unlink()
    with pytest.raises(DataError, match=r"1\.tif is \(90, 120\), its image \(7, 90, 120\)"):
        read_folder(folder)


def test_folder_when_channels_come_first_by_the_file_or_there_is_one_frame_then_they_are_read_as_a_plane(
    folder: DataConfig,
) -> None:
    grey = np.asarray(Image.open(folder.images / "0.png"))
    for name in "012":
        (folder.images / f"{name}.png").unlink()
    colours = np.stack([grey, grey // 2])
    tifffile.imwrite(folder.images / "0.tif", colours, ome=True, metadata={"axes": "CYX"})
    tifffile.imwrite(
        folder.images / "1.tif", colours.astype(np.uint16), imagej=True, metadata={"axes": "CYX"}
    )
    tifffile.imwrite(folder.images / "2.tif", grey[None], ome=True, metadata={"axes": "TYX"})
    tifffile.imwrite(folder.labels[0] / "2.tif", tifffile.imread(folder.labels[0] / "2.tif")[None])
    read = [Folder(folder.images, folder.labels)[index] for index in range(3)]
    assert [image.shape for image, _ in read] == [(90, 120, 2), (90, 120, 2), (90, 120)]
    assert all(sample.labels.shape == (90, 120) == sample.image.shape[1:] for _, sample in read)
    assert np.array_equal(read[0][0][..., 0], grey)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((5, 90, 120), {"photometric": "minisblack"}),
        ((5, 2, 90, 120), {"imagej": True, "metadata": {"axes": "ZCYX"}}),
        ((2, 5, 90, 120), {"ome": True, "metadata": {"axes": "CTYX"}}),
        ((1, 5, 1, 90, 120), {"ome": True, "metadata": {"axes": "TZCYX"}}),
        ((5, 90, 120, 3), {"photometric": "rgb"}),
        ((5, 2, 90, 120), {"photometric": "minisblack"}),  # whose axes have no names
    ],
)
def test_planes_of_a_stack_when_some_are_labelled_then_these_are_learnt_from_and_measured_with_all_channels(
    folder: DataConfig, shape: tuple[int, ...], options: dict[str, Any]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 200, shape).astype(np.uint8)
    labels = np.zeros((5, 90, 120), np.uint16)
    labels[1, 10:30, 10:34], labels[4, 50:80, 60:100] = 3, 7
    tifffile.imwrite(folder.images / "stack.tif", pixels, **options)
    tifffile.imwrite(folder.labels[0] / "stack.tif", labels, photometric="minisblack")
    stack = replace(folder, stems=("stack",))
    channels = [axis for axis, side in enumerate(shape) if side in (2, 3)]
    seen = np.moveaxis(pixels, channels[0], -1) if channels else pixels.reshape(labels.shape)
    measured = Folder(folder.images, folder.labels, stack.stems)
    assert measured.names == ["stack [1]", "stack [4]"]
    for sample, place, (shown, same) in zip(read_folder(stack), (1, 4), measured, strict=True):
        assert sample.name == same.name == f"stack [{place}]"
        assert np.array_equal(sample.labels, labels[place])
        assert np.array_equal(shown, seen[place])
        assert np.array_equal(sample.image, same.image)
    tifffile.imwrite(folder.labels[0] / "stack.tif", labels * 0, photometric="minisblack")
    with pytest.raises(DataError, match="annotate some planes"):
        read_folder(stack)


@pytest.mark.parametrize("kind", [np.int64, np.uint64])
def test_read_samples_when_numbers_are_beyond_32_bits_then_every_object_stays_one_of_its_own(
    folder: DataConfig, kind: type[np.integer]
) -> None:
    labels = np.zeros((90, 120), kind)
    labels[10:30, 10:34], labels[50:80, 60:100], labels[:5, :5] = 2**32 + 1, 3 * 2**32, 7
    path = folder.labels[0] / "0.tif"
    tifffile.imwrite(path, labels)
    read = read_samples(folder.images / "0.png", path)[0].labels
    assert read.dtype == np.int32
    places = [tuple(np.unique(read[labels == value])) for value in np.unique(labels)]
    assert places == [(0,), (1,), (2,), (3,)]


def test_crop_and_frame_when_numbers_are_beyond_float32_then_objects_are_not_merged(
    folder: DataConfig,
) -> None:
    tiles = np.kron(np.arange(6).reshape(2, 3), np.ones((45, 40), int)) + 2**24
    path = folder.labels[0] / "0.tif"
    tifffile.imwrite(path, tiles.astype(np.uint32))
    sample = read_samples(folder.images / "0.png", path)[0]
    assert len(np.unique(frame(sample, 256, None)[1][0])) == 6 + 1  # and what is beside the image
    config = small(folder, diameters=(12.0, 12.0), any_scale_share=0.0)
    seen = [crop(sample, np.random.default_rng(seed), config).levels[0] for seed in range(4)]
    assert max(len(np.unique(each[each > 0])) for each in seen) == 6


def test_read_samples_when_pixels_are_marked_negative_then_they_are_background(folder: DataConfig) -> None:
    labels = np.zeros((90, 120), np.int16)
    labels[10:30, 10:34], labels[:, 110:] = 4, -1
    path = folder.labels[0] / "0.tif"
    tifffile.imwrite(path, labels)
    sample = read_samples(folder.images / "0.png", path)[0]
    assert np.array_equal(sample.labels, np.maximum(labels, 0))
    assert sample.diameter == pytest.approx(np.sqrt(20 * 24 * 4 / np.pi))


@pytest.mark.parametrize("mode", ["P", "1", "F"])
def test_read_samples_when_labels_have_a_palette_one_bit_or_floats_then_their_numbers_are_the_labels(
    folder: DataConfig, mode: str, tmp_path: Path
) -> None:
    labels = np.zeros((90, 120), np.uint8)
    labels[10:30, 10:34], labels[50:80, 60:100] = 1, 1 if mode == "1" else 7
    if mode == "P":
        image = Image.new("P", (120, 90))
        image.putdata(labels.ravel().tolist())
        image.putpalette([value for index in range(8) for value in (index * 30, 255 - index, 9)])
    else:
        image = Image.fromarray(labels > 0 if mode == "1" else labels.astype(np.float32))
    path = tmp_path / ("labels.tif" if mode == "F" else "labels.png")
    image.save(path)
    assert np.array_equal(read_samples(folder.images / "0.png", path)[0].labels, labels)


def test_read_samples_when_labels_are_fractions_colours_or_jpeg_then_says_so(
    folder: DataConfig, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "half.tif", np.full((90, 120), 0.5, np.float32))
    with pytest.raises(DataError, match="whole numbers"):
        read_samples(folder.images / "0.png", tmp_path / "half.tif")
    tifffile.imwrite(tmp_path / "short.tif", np.ones((90, 120), np.float16))  # numpy warned of its range
    assert read_samples(folder.images / "0.png", tmp_path / "short.tif")[0].labels.max() == 1
    Image.new("RGB", (120, 90)).save(tmp_path / "colours.png")
    with pytest.raises(DataError, match=r"colours\.png is a picture in colour"):
        read_samples(folder.images / "0.png", tmp_path / "colours.png")
    Image.new("L", (120, 90)).save(tmp_path / "mask.jpg")
    with pytest.raises(DataError, match=r"^[^ ]*mask\.jpg is compressed by JPEG, which changes the numbers"):
        read_samples(folder.images / "0.png", tmp_path / "mask.jpg")


@pytest.mark.parametrize("name", ["2.png", "2.tif"])
def test_read_folder_when_an_image_is_broken_then_names_it(folder: DataConfig, name: str) -> None:
    (folder.images / "2.png").unlink()
    tifffile.imwrite(folder.images / name, np.zeros((90, 120), np.uint8), compression="zlib")
    whole = (folder.images / name).read_bytes()
    (folder.images / name).write_bytes(whole[:-9])  # within the compressed pixels
    with pytest.raises(DataError, match=rf"{name} cannot be read"):
        read_folder(folder)


def test_batches_when_asked_twice_for_a_step_then_equal_and_steps_differ(folder: DataConfig) -> None:
    batches = Batches([(read_folder(folder), 1.0)], small(folder))
    first, again, other = batches[4], batches[4], batches[5]
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.prompts.points, again.prompts.points)
    assert not torch.equal(first.images, other.images)
    assert first.images.shape == (2, 3, 64, 64)
    assert first.dense.shape == (2, 4, 32, 32)
    assert first.images.min() >= 0
    assert first.images.max() <= 255


def test_prompts_when_drawn_then_points_lie_in_their_object_and_boxes_around_it(folder: DataConfig) -> None:
    batches = Batches([(read_folder(folder), 1.0)], small(folder))
    seen = set()
    for step in range(12):
        prompts = batches[step].prompts
        for (first, second), labels, target in zip(
            prompts.points, prompts.labels, prompts.targets, strict=True
        ):
            seen.add(tuple(labels.tolist()))
            rows, cols = np.nonzero(target[0].numpy())
            if labels.tolist() == [1, -1]:
                x, y = (first // 2).int().tolist()
                assert target[0, y, x] > 0
            else:
                low = np.array([cols.min(), rows.min()]) * 2
                high = np.array([cols.max(), rows.max()]) * 2 + 1
                slack = 0.2 * (high - low) + 3
                assert (np.abs(first.numpy() - low) <= slack).all()
                assert (np.abs(second.numpy() - high) <= slack).all()
    assert seen == {(1, -1), (2, 3)}


def test_prompts_when_drawn_then_area_covers_the_window_and_more(folder: DataConfig) -> None:
    prompts = Batches([(read_folder(folder), 1.0)], small(folder))[0].prompts
    assert (prompts.area >= prompts.targets.sum(dim=(2, 3)) - 1e-3).all()


def test_dense_targets_when_two_objects_touch_then_a_boundary_parts_them() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[8:32, 4:20], labels[8:32, 20:36] = 1, 2
    foreground, distance, boundary, weight = dense_targets(labels, 40)
    assert foreground.sum() == 12 * 16
    assert boundary[10, 9] == boundary[10, 10] == 1
    assert distance.max() == 1
    assert distance[10, 10] < 0.5 < distance[10, 6]
    assert distance[0].sum() == 0
    assert weight.min() == 1


def test_dense_targets_when_labels_are_partial_or_none_then_what_is_unknown_weighs_nothing() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[8:32, 8:20] = 1
    weight = dense_targets(labels, 40, partial=True)[3]
    assert weight[4:16, 4:10].min() == weight[3, 6] == 1
    assert weight[:, 13:].max() == 0
    assert dense_targets(None, 40).abs().max() == 0


def test_initial_prompts_when_objects_are_nested_then_a_point_may_mean_each_level_there() -> None:
    inner, outer = np.zeros((2, 96, 96), np.int32)
    inner[30:50, 30:50], outer[20:60, 20:60] = 5, 3
    group = np.where(outer > 0, 1, 0).astype(np.int32)  # the same pixels as `outer`: no third meaning
    seen = set()
    for seed in range(20):
        prompts = initial_prompts((inner, outer, group), 0, 6, np.random.default_rng(seed))
        for labels, area, targets in zip(prompts.labels, prompts.area, prompts.targets, strict=True):
            kind = "point" if labels[1] == -1 else "box"
            sizes = tuple(area[area > 0].tolist())
            assert targets[area == 0].abs().max() == 0
            assert targets.sum(dim=(1, 2)).tolist() == area.tolist()
            seen.add((kind, sizes))
    assert seen == {
        ("box", (100.0,)), ("box", (400.0,)),
        ("point", (100.0, 400.0)), ("point", (400.0, 100.0)), ("point", (400.0,)),
    }  # fmt: skip


def test_kind_weights_when_a_kind_is_rare_then_each_of_its_images_counts_more() -> None:
    dark = Sample("a", np.zeros((3, 8, 8), np.uint8), (np.zeros((8, 8), np.int32),), 10.0)
    bright = Sample("b", np.full((3, 8, 8), 200, np.uint8), (np.zeros((8, 8), np.int32),), 10.0)
    weights = kind_weights([dark, dark, dark, dark, bright])
    assert weights.sum() == pytest.approx(1)
    assert weights[4] == pytest.approx(2 * weights[0])


def test_config_when_a_setting_is_unknown_or_no_data_then_says_so(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("stepz = 3\n")
    with pytest.raises(DataError, match="stepz"):
        TrainConfig.from_toml(path)
    path.write_text("steps = 3\n", encoding="utf-8-sig")  # as Windows' programs mark UTF-8
    with pytest.raises(DataError, match="at least one set"):
        TrainConfig.from_toml(path)
    path.write_text(
        'steps = 3\ndiameters = [10, 20]\n[[data]]\nimages = "i"\nlabels = "l"\n'
        '[[data]]\nimages = "i"\nlabels = ["in", "out"]\npartial = true\nchannels = [2]\n'
    )
    config = TrainConfig.from_toml(path, data_root=Path("root"))
    root = Path("root")
    path.write_text(f'init = "cell-tiny"\n{path.read_text()}')
    assert TrainConfig.from_toml(path).init == Path("cell-tiny")
    nested = DataConfig(root / "i", (root / "in", root / "out"), partial=True, channels=(2,))
    assert config.data == (DataConfig(root / "i", (root / "l",)), nested)
    assert config.diameters == (10, 20)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('tune = "encoder"', "tune is 'encoder'; give one of all, decoder, lora"),
        ("steps = 2.5", "steps is 2.5; give a whole number, 0 or more"),
        ("save_every = 0", "save_every is 0; give a whole number, 1 or more"),
        ("crop_size = 100", "give a multiple of 32"),
        ("ema = 2", "ema is 2; give a number of 0 to 1"),
        ("diameters = [20, 10]", "the smaller one first"),
        ("corrections = []", "give whole numbers"),
        ("fixed_norms = 1", "true or false"),
        ("data = 3", "A set in run.toml needs images and labels"),
        ('[[data]]\nimages = "i"\nlabels = "l"\nwieght = 2', "needs images and labels, and may have weight"),
        ('[[data]]\nimages = "i"\nlabels = "l"\nweight = -1', "weight is below 0"),
        ('[[data]]\nimages = "i"\nlabels = "l"\nweight = nan', "weight is below 0 or no number"),
        ('[[data]]\nimages = "i"\nlabels = "l"\nweight = inf', "weight is below 0 or no number"),
        ("learning_rate = inf", "learning_rate is inf; give a number of 0 or more"),
        (f"seed = {2**63}", "give a whole number"),
        ("diameters = [1, inf]", "two numbers above 0"),
        ("learning_rate = true", "a number of 0 or more"),
        ("model = {name = 1}", "give a name in quotes"),
        (
            '[[data]]\nimages = "i"\nlabels = "l"\nweight = "often"',
            "weight of a set in run.toml is 'often'",
        ),
        (
            '[[data]]\nimages = "i"\nlabels = "l"\npartial = "no"',
            "is 'no'; give true or false",
        ),
        (
            '[[data]]\nimages = "i"\nlabels = "l"\nchannels = [-1]',
            r"is \[-1\]; give whole",
        ),
        ('[[data]]\nimages = "i"\nlabels = "l"\nchannels = "01"', "is '01'; give whole numbers in brackets"),
        ('[[data]]\nimages = "i"\nlabels = "l"\nstems = [3]', r"is \[3\]; give names of images, in brackets"),
        ('[[data]]\nimages = "i"\nlabels = []', "give the folder of the labels, or several"),
        ('[[data]]\nimages = 3\nlabels = "l"', "is 3; give the folder of the images"),
        ("# \udcff", "cannot be read as a training configuration"),
        pytest.param("steps = " + "[" * 5000, "cannot be read as a training configuration", id="deep"),
    ],
)
def test_config_when_a_setting_makes_no_sense_then_says_what_to_give(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "run.toml"
    data = "" if "data" in text else '\n[[data]]\nimages = "i"\nlabels = "l"\n'
    path.write_text(text + data, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(DataError, match=message):
        TrainConfig.from_toml(path)


def test_generated_when_seen_from_farther_then_labels_lie_on_the_picture_and_the_rest_is_empty(
    folder: DataConfig,
) -> None:
    config = TrainConfig(data=(folder,), crop_size=160)
    sides = []
    for seed in range(16):
        made = next(generated(np.random.default_rng(seed), config))
        assert made.image.shape == (3, 160, 160)
        shown = np.flatnonzero(made.image.amax((0, 1)).numpy())
        sides.append(int(shown.max()) + 1)
        beyond = made.image[:, sides[-1] :]
        assert not beyond.any()
        for labels in made.levels:
            assert labels.shape == (160, 160)
            assert not labels[sides[-1] :].any()
            assert not labels[:, sides[-1] :].any()
        inside = np.rint(made.image[:, : sides[-1], : sides[-1]].numpy()).astype(np.uint8)
        coarsest = made.levels[-1][: sides[-1], : sides[-1]]
        aside = np.roll(coarsest, (7, 9), (0, 1))
        steep = steepness(inside)
        assert border_contrast(steep, coarsest) > border_contrast(steep, aside)
    assert sides.count(160) >= 6
    assert round(SMALLEST_SCENE * LARGEST_SCENE) <= min(sides) < 140


def test_generated_when_enlarged_then_each_pixel_of_the_scene_is_four(folder: DataConfig) -> None:
    config = TrainConfig(data=(folder,), crop_size=96)
    enlarged = 0
    for seed in range(30):
        made = next(generated(np.random.default_rng(seed), config))
        blocks = [labels.reshape(48, 2, 48, 2) for labels in made.levels]
        if all((each == each[:, :1, :, :1]).all() for each in blocks):
            enlarged += 1
            assert all(labels.any() for labels in made.levels)
            assert made.image.std() > 1
    assert 2 <= enlarged <= 12


@pytest.mark.parametrize("seed", range(6))
def test_augment_when_an_object_is_dim_then_it_is_not_cut_off(seed: int) -> None:
    image = torch.full((3, 64, 64), 20.0)
    image[:, 20:44, 20:44] = 60  # dim beside the bright one
    image[:, :8, :8] = 255
    rng = np.random.default_rng(seed)
    for _ in range(20):
        seen = augment(image, rng).mean(0)
        inside, outside = seen[24:40, 24:40], seen[48:, 48:]
        assert (inside.mean() - outside.mean()).abs() > 0.5


def test_batches_when_a_scene_has_several_views_then_so_many_crops_are_generated_as_without(
    folder: DataConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    monkeypatch.setattr("napari_sam.training.augment.scene", lambda rng, size: nested(rng, size, made))
    config = TrainConfig(data=(folder,), crops=120, prompts_per_crop=2, crop_size=64, synthetic=0.5, views=3)
    batch = Batches([(read_folder(folder), 1.0)], config)[0]
    assert batch.images.shape == (120, 3, 64, 64)
    assert len(batch.prompts) == 192  # of 240: three times 64
    assert 12 <= len(made) <= 28  # a third of 60
    ambiguous = batch.prompts.area[:, 2] > 0
    assert 15 <= len(set(batch.prompts.crop[ambiguous].tolist())) <= 90
    seen = {crop.numpy().tobytes() for crop in batch.images}
    assert len(seen) == 120


def nested(rng: np.random.Generator, size: int, made: list[int]) -> Scene:
    """Return three levels of squares, and count."""
    made.append(size)
    levels = []
    for side in (8, 16, 32):
        labels = np.zeros((size, size), np.int32)
        labels[20 - side // 2 : 20 + side // 2, 20 - side // 2 : 20 + side // 2] = 1
        levels.append(labels)
    image = np.repeat(sum(levels)[None] * 60 + rng.integers(0, 30, (1, size, size)), 3, axis=0)
    return Scene(image.astype(np.uint8), tuple(levels), "squares")
