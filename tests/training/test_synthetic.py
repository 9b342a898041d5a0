import numpy as np
import pytest
from scipy import ndimage

from napari_sam.training.synthetic import Scene, scene
from napari_sam.training.synthetic.blur import blurred
from napari_sam.training.synthetic.layouts import borders, divided, seams, touching_groups
from napari_sam.training.synthetic.visibility import border_contrast, grown, steepness, visible

SCENES = 40


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [scene(np.random.default_rng(seed), 160) for seed in range(SCENES)]


def test_scene_when_made_again_from_the_seed_then_the_same(scenes: list[Scene]) -> None:
    again = scene(np.random.default_rng(7), 160)
    assert again.kind == scenes[7].kind
    assert np.array_equal(again.image, scenes[7].image)
    assert all(np.array_equal(a, b) for a, b in zip(again.levels, scenes[7].levels, strict=True))


def test_scenes_are_8_bit_rgb_with_one_to_three_levels_that_all_show_something(scenes: list[Scene]) -> None:
    for made in scenes:
        assert made.image.shape == (3, 160, 160)
        assert made.image.dtype == np.uint8
        assert 1 <= len(made.levels) <= 3
        for labels in made.levels:
            assert labels.shape == (160, 160)
            assert labels.dtype == np.int32
            assert labels.min() >= 0
            assert labels.max() > 0


def test_scenes_are_nested_half_of_the_time_and_in_many_kinds(scenes: list[Scene]) -> None:
    depths = np.array([len(made.levels) for made in scenes])
    assert (depths >= 2).mean() >= 0.5
    assert (depths == 3).mean() >= 0.2
    assert len({made.kind for made in scenes}) >= 15


def test_a_fine_object_lies_in_one_coarser_object_wherever_there_is_one(scenes: list[Scene]) -> None:
    for made in scenes:
        for fine, coarse in zip(made.levels, made.levels[1:], strict=False):
            for label in np.unique(fine[fine > 0]):
                around = np.unique(coarse[fine == label])
                assert len(around) == 1, made.kind


def test_levels_grow_from_part_to_group(scenes: list[Scene]) -> None:
    for made in scenes:
        areas = [np.bincount(labels.ravel())[1:] for labels in made.levels]
        covered = [np.median(sizes[sizes > 0]) for sizes in areas]
        assert covered == sorted(covered), made.kind


def test_scene_when_made_then_the_borders_of_every_level_can_be_seen_in_it(scenes: list[Scene]) -> None:
    for made in scenes:
        assert visible(made.image, made.levels), made.kind


def test_border_contrast_when_borders_are_drawn_faint_or_missing_then_says_how_well_they_show() -> None:
    rng = np.random.default_rng(0)
    labels = np.zeros((96, 96), np.int32)
    labels[20:50, 20:45], labels[20:50, 45:70] = 1, 2  # two that touch
    noise = rng.normal(100, 5, labels.shape)

    def contrast(signal: np.ndarray) -> float:
        image = np.clip(noise + signal, 0, 255).astype(np.uint8)
        return border_contrast(steepness(np.stack([image] * 3)), labels)

    outline = borders(labels).astype(float)
    assert contrast(0 * outline) == pytest.approx(0.5, abs=0.08)
    assert contrast(100 * outline) > 0.99
    assert 0.55 < contrast(5 * outline) < contrast(10 * outline) < contrast(100 * outline)
    assert contrast(80.0 * (labels > 0)) < 0.99  # the line between the two is missing
    assert border_contrast(steepness(np.zeros((3, 96, 96), np.uint8)), np.zeros_like(labels)) == 1


@pytest.mark.parametrize("sigma", [0.6, 3.0, 40.0])
@pytest.mark.parametrize(("shape", "dtype"), [((50, 50), np.float32), ((2, 37, 37), np.float64)])
def test_blurred_when_narrow_or_wide_then_as_a_sum_of_neighbours(
    sigma: float, shape: tuple[int, ...], dtype: type
) -> None:
    field = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    expected = ndimage.gaussian_filter(field, sigma, axes=(-2, -1))
    assert blurred(field, sigma).dtype == dtype
    np.testing.assert_allclose(blurred(field, sigma), expected, atol=2e-6)


@pytest.mark.parametrize("reach", [1, 4])
def test_grown_then_each_pixel_is_the_largest_around_it(reach: int) -> None:
    values = np.random.default_rng(0).uniform(0, 1, (9, 30))
    for field in (values, values > 0.95):
        np.testing.assert_array_equal(grown(field, reach), ndimage.maximum_filter(field, 2 * reach + 1))


def test_divided_when_a_clump_is_cut_then_it_is_filled_with_touching_cells_of_about_the_size() -> None:
    clumps = np.zeros((128, 128), np.int32)
    clumps[10:118, 10:118] = 1
    cells = divided(clumps, 10.0, np.random.default_rng(0))
    areas = np.bincount(cells.ravel())[1:]
    assert ((cells > 0) == (clumps > 0)).all()
    assert areas.min() >= 60
    assert np.median(areas) == pytest.approx((1.75 * 10) ** 2, rel=0.4)
    assert seams(cells).sum() > 500


def test_touching_groups_when_an_object_is_alone_then_it_is_no_group() -> None:
    labels = np.zeros((20, 20), np.int32)
    labels[2:5, 2:5], labels[5:8, 2:5], labels[15:18, 15:18] = 1, 2, 3
    groups = touching_groups(labels)
    assert groups[3, 3] == groups[6, 3] > 0
    assert groups[16, 16] == 0
