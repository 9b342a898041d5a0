from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Points, Shapes

from napari_sam.errors import PromptError
from napari_sam.predict.prompts import Prompts
from napari_sam.widgets.layers.planes import camera_of
from napari_sam.widgets.prompts.prompt_layers import INSIDE, OUTSIDE, SYMBOLS, PromptLayers


@pytest.fixture
def layers() -> PromptLayers:
    viewer = ViewerModel()
    return PromptLayers(viewer, viewer.add_image(np.zeros((50, 60)), scale=(0.5, 0.5), rotate=20))


@pytest.fixture
def stack() -> PromptLayers:
    viewer = ViewerModel()
    return PromptLayers(viewer, viewer.add_image(np.zeros((3, 4, 50, 60))))


def add_box(boxes: Shapes, *corners: tuple[float, ...]) -> None:
    """Add a rectangle whose opposite corners are given, as four vertices in the last two axes."""
    one, other = np.array(corners)
    vertices = np.array([one, one, other, other])
    vertices[1, -1], vertices[3, -1] = other[-1], one[-1]
    boxes.add_rectangles(vertices)


def test_points_and_a_box_when_read_then_are_one_object_whichever_way_the_box_was_drawn(
    layers: PromptLayers,
) -> None:
    layers.points.add([10, 20])
    layers.positive = False
    layers.points.add([30, 40])
    add_box(layers.boxes, (35, 45), (5, 15))
    (prompts,) = layers.read(())
    assert prompts.positions.tolist() == [[10, 20], [30, 40]]
    assert prompts.labels.tolist() == [1, 0]
    assert prompts.box == (5, 15, 35, 45)


def test_several_boxes_when_read_then_are_an_object_each_with_the_points_inside(
    layers: PromptLayers,
) -> None:
    add_box(layers.boxes, (0, 0), (10, 10))
    add_box(layers.boxes, (20, 20), (40, 50))
    add_box(layers.boxes, (20, -30), (40, -2))  # beside the image: the others are answered
    layers.points.add([30, 30])
    layers.points.add([45, 55])
    one, other = layers.read(())
    assert (one.box, len(one.positions)) == ((0, 0, 10, 10), 0)
    assert (other.box, other.positions.tolist()) == ((20, 20, 40, 50), [[30, 30]])
    assert layers.in_no_box == 1
    layers.clear()
    layers.points.add([45, 55])
    layers.read(())
    assert layers.in_no_box == 0


def test_prompts_drawn_after_all_were_cleared_then_are_of_the_kind_that_is_drawn_now(
    layers: PromptLayers,
) -> None:
    path = np.array([(20.0, 10.0), (20.0, 50.0)])
    for positive in (True, False, True):
        layers.positive = positive
        layers.boxes.add_paths([path])
        layers.clear()
        layers.positive = not positive
        layers.boxes.add_paths([path])
        layers.points.add([30, 30])
        kinds = [INSIDE if not positive else OUTSIDE]
        assert list(layers.boxes.features["label"]) == kinds
        assert list(layers.points.features["label"]) == kinds
        layers.clear()


def test_take_back_when_prompts_were_drawn_on_several_planes_then_takes_the_last_one_of_this_plane(
    stack: PromptLayers,
) -> None:
    heard: list[None] = []
    stack.changed.connect(lambda: heard.append(None))
    stack.points.add([1, 2, 10, 20])
    add_box(stack.boxes, (1, 2, 5, 5), (1, 2, 30, 30))
    stack.points.add([0, 2, 40, 50])
    assert not stack.history.take_back((2, 3))
    assert [stack.history.take_back((1, 2)) for _ in range(3)] == [True, True, False]
    assert stack.points.data.tolist() == [[0, 2, 40, 50]]
    assert len(stack.boxes.data) == len(stack.boxes.features) == 0
    assert len(heard) == 5


def test_clear_when_a_plane_is_given_then_what_was_drawn_on_others_stays_and_can_be_taken_back(
    stack: PromptLayers,
) -> None:
    heard: list[None] = []
    add_box(stack.boxes, (0, 2, 5, 5), (0, 2, 30, 30))
    stack.positive = False
    stack.points.add([0, 2, 40, 50])
    stack.points.add([1, 2, 10, 20])
    add_box(stack.boxes, (1, 2, 5, 5), (1, 2, 20, 25))
    (other,) = stack.read((0, 2))
    stack.changed.connect(lambda: heard.append(None))
    stack.clear((1, 2))
    assert stack.read((1, 2)) == heard == []
    (kept,) = stack.read((0, 2))
    assert kept.box == other.box == (5, 5, 30, 30)
    assert (kept.positions.tolist(), kept.labels.tolist()) == ([[40, 50]], [0])
    assert str(stack.points.symbol[0]) == SYMBOLS[OUTSIDE]
    assert [stack.history.take_back((0, 2)) for _ in range(3)] == [True, True, False]
    assert stack.empty


def test_take_back_when_prompts_were_not_drawn_by_the_person_then_they_stay(layers: PromptLayers) -> None:
    layers.points.add([10, 20])
    layers.clear()
    layers.put([Prompts([(10, 20)], [1], (5, 5, 30, 30))], ())
    layers.take(Points([(30, 30)], scale=layers.points.scale, rotate=20))
    assert not layers.history.take_back(())
    assert (len(layers.points.data), len(layers.boxes.data)) == (2, 1)


def test_a_click_with_the_box_tool_when_read_then_is_no_box(layers: PromptLayers) -> None:
    add_box(layers.boxes, (10, 10), (10.6, 10.6))
    assert layers.read(()) == []


def test_points_outside_alone_when_read_then_one_sentence_says_so(layers: PromptLayers) -> None:
    layers.positive = False
    layers.points.add([10, 20])
    with pytest.raises(PromptError, match="add one inside the object"):
        layers.read(())


def test_prompts_on_a_stack_when_read_then_are_those_of_the_plane(stack: PromptLayers) -> None:
    stack.points.add([1, 2, 10, 20])
    stack.points.add([1, 3, 11, 21])
    add_box(stack.boxes, (2, 2, 5, 6), (2, 2, 15, 16))
    (here,) = stack.read((1, 2))
    assert here.positions.tolist() == [[10, 20]]
    (boxed,) = stack.read((2, 2))
    assert boxed.box == (5, 6, 15, 16)
    assert stack.read((0, 0)) == []


def test_points_of_the_two_kinds_then_differ_by_colour_and_by_symbol(layers: PromptLayers) -> None:
    heard: list[bool] = []
    layers.polarity_changed.connect(heard.append)
    layers.points.add([10, 20])
    layers.positive = False
    layers.points.add([30, 40])
    layers.positive = True
    layers.points.add([5, 5])
    assert heard == [False, True]
    assert list(layers.points.features["label"]) == [INSIDE, OUTSIDE, INSIDE]
    assert [str(symbol) for symbol in layers.points.symbol] == [SYMBOLS[k] for k in (INSIDE, OUTSIDE, INSIDE)]
    colours = layers.points.face_color
    assert np.array_equal(colours[0], colours[2])
    assert not np.array_equal(colours[0], colours[1])


def test_prompts_when_added_moved_or_removed_then_are_told_once_each_and_cleared_silently(
    layers: PromptLayers,
) -> None:
    heard: list[int] = []
    layers.changed.connect(lambda: heard.append(1))
    layers.points.add([10, 20])
    add_box(layers.boxes, (5, 5), (20, 30))
    assert len(heard) == 2
    layers.points.selected_data = {0}
    layers.points.remove_selected()
    assert len(heard) == 3
    layers.points.add([10, 20])
    heard.clear()
    layers.clear()
    assert heard == []
    assert layers.read(()) == []
    layers.points.add([10, 20])
    assert len(layers.read(())) == 1


def test_a_boxs_line_when_zooming_then_keeps_its_width_on_the_screen(layers: PromptLayers) -> None:
    add_box(layers.boxes, (5, 5), (20, 30))
    camera = camera_of(layers._viewer)
    widths = []
    for zoom in (1.0, 4.0):
        camera.zoom = zoom
        widths.append(layers.boxes.edge_width[0] * zoom)
    assert widths[0] == pytest.approx(widths[1])


def test_closed_layers_then_are_deaf(layers: PromptLayers) -> None:
    viewer, heard = layers._viewer, []
    layers.changed.connect(lambda: heard.append(1))
    layers.close()
    layers.points.add([1, 1])
    camera_of(viewer).zoom = 3
    assert heard == []


@pytest.mark.skipif(not hasattr(ViewerModel().dims, "units"), reason="a younger napari brings units together")
@pytest.mark.parametrize(("units", "factor"), [(("um", "um"), 1), (("nm", "nm"), 1000), (None, 1)])
def test_take_when_points_are_in_other_units_then_they_stay_where_they_are_seen(
    units: tuple[str, str] | None, factor: float
) -> None:
    viewer = ViewerModel()
    image = viewer.add_image(
        np.zeros((50, 60)), scale=(0.5, 0.5), rotate=20, affine=np.diag([2, 2, 1]), units="um"
    )
    spots = [(3.0, 4.0), (20.0, 30.0)]
    seen = np.array([image.data_to_world(spot) for spot in spots]) * factor  # without units as if in um
    given = viewer.add_points(seen, units=units)
    prompts = PromptLayers(viewer, image)
    prompts.take(given)
    assert np.allclose(prompts.points.data, spots)
