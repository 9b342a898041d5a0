"""What tells three candidates apart on the image, beside their colours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.colormaps.standardize_color import transform_color

from napari_sam.predict import Predictor, Prompts
from napari_sam.session.offer import COLOURS, Offer
from napari_sam.weights import LoadedModel
from napari_sam.widgets.keys.keyboard import Keyboard
from napari_sam.widgets.keys.keymap import Keymap
from napari_sam.widgets.layers.outlines import outlines
from napari_sam.widgets.layers.planes import camera_of
from napari_sam.widgets.prompts.candidate_view import LINE, WIDTH, CandidateView
from napari_sam.widgets.prompts.prompt_layers import POINT_SIZE, PromptLayers

from ..conftest import prompt, settle


def test_three_candidates_then_are_solid_dashed_and_dotted_and_named_in_their_colours(
    discs: LoadedModel,
) -> None:
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((60, 80), np.uint8))
    view = CandidateView(viewer, image, Keyboard(Keymap()))
    camera_of(viewer).zoom = 20
    predictor = Predictor(discs)
    candidates = predictor.predict(predictor.embed(image.data), Prompts([(30, 40)], [1]))
    offer = Offer(candidates, candidates.best)
    view.show(offer, ())
    drawn, pieces = [], []
    for number, index in enumerate(offer.shown):
        colour = transform_color(COLOURS[number])[0]
        mine = np.isclose(view.outlines.edge_color, colour, atol=1e-3).all(axis=1)
        around = [np.diff(path, axis=0) for path in outlines(candidates.items[index].mask, (0, 0))]
        whole = sum(np.hypot(*steps.T).sum() for steps in around)
        drawn.append(float(np.hypot(*view.outlines.data[mine, 1].T).sum() / whole))
        pieces.append(mine.sum() / whole)
    assert np.allclose(drawn, [1, 10 / 15, 3 / 7], atol=0.06)
    assert pieces[2] > pieces[1]  # dots are shorter than dashes
    names = view.captions.features["caption"].tolist()[-3:]
    assert [name.split()[0] for name in names] == ["1", "2", "3"]
    assert view.captions.features["colour"].tolist()[-3:] == list(COLOURS)
    view.close()


@pytest.mark.parametrize(
    ("lies", "side"),  # and how long a side of a pixel is in the world
    [
        ({"scale": (0.5, -0.5)}, 0.5),
        ({"scale": (-2, 2), "rotate": 90}, 2),
        ({"affine": np.diag([0.1, 0.1, 1])}, 0.1),
        ({"scale": (0.2, 0.8), "rotate": 30}, 0.4),
    ],
)
def test_candidates_when_the_image_is_mirrored_turned_or_scaled_then_are_drawn_as_on_any_other(
    discs: LoadedModel, lies: dict[str, Any], side: float
) -> None:
    viewer, zoom = ViewerModel(), 20.0
    image = viewer.add_image(np.zeros((60, 80), np.uint8), **lies)
    prompts, view = PromptLayers(viewer, image), CandidateView(viewer, image, Keyboard(Keymap()))
    camera_of(viewer).zoom = zoom
    predictor = Predictor(discs)
    candidates = predictor.predict(predictor.embed(image.data), Prompts([(30, 40)], [1]))
    view.show(Offer(candidates, candidates.best), ())
    for layer, width in ((view.outlines, WIDTH), (prompts.boxes, 2)):
        drawn = layer.edge_width if layer is view.outlines else layer.current_edge_width
        assert drawn * side * zoom == pytest.approx(width)
    assert prompts.points.current_size * abs(image.scale[-1]) * zoom == pytest.approx(POINT_SIZE)
    places = np.array([view.captions.data_to_world(place) for place in view.captions.data[-3:]]) * zoom
    assert np.allclose(np.diff(places, axis=0), [(LINE, 0)] * 2)  # one under the other on the screen
    prompts.close()
    view.close()


def test_names_of_candidates_when_their_layer_is_hidden_then_others_are_offered_and_named_once_it_is_shown(
    make_annotator: Any, qtbot: Any
) -> None:
    widget = make_annotator()
    captions = widget.annotation.view.captions
    prompt(widget, qtbot, 40, 50)
    assert len(captions.data) == 3 * 5
    captions.visible = False
    widget.annotation.prompts.points.add([45, 55])  # with two points, there is one candidate
    qtbot.waitUntil(lambda: len(widget.annotation.session.proposals[0].candidates) == 1, timeout=5000)
    settle(qtbot, widget)
    assert [each.isEnabled() for each in widget.panel.thumbnails.buttons] == [True, False, False]
    captions.visible = True
    assert [text.split()[1] for text in captions.features["caption"]] == ["refined"] * 5
    assert len(captions._view_text) == 5
