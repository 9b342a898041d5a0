from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_sam.predict import Candidate, Candidates, Frame, Predictor, Prompts
from napari_sam.session.offer import COLOURS, Offer
from napari_sam.weights import LoadedModel
from napari_sam.widgets.forms.thumbnails import SIDE, Thumbnails, square_around, thumbnail
from napari_sam.widgets.keys.keymap import Keymap
from napari_sam.widgets.prompts.candidate_view import caption

SHAPE = (60, 80)
PIXELS = np.full((*SHAPE, 3), 200, np.uint8)


def candidates_at(model: LoadedModel, *point: float) -> Candidates:
    predictor = Predictor(model)
    return predictor.predict(predictor.embed(np.zeros(SHAPE, np.uint8)), Prompts([point], [1]))


def offered(model: LoadedModel) -> Offer:
    candidates = candidates_at(model, 30, 40)
    return Offer(candidates, candidates.best)


@pytest.mark.parametrize("point", [(30, 40), (1, 1), (58, 79)])
def test_a_thumbnail_then_shows_the_whole_candidate_in_its_colour_and_dims_the_rest(
    discs: LoadedModel, point: tuple[float, float]
) -> None:
    candidates = candidates_at(discs, *point)
    square = square_around(candidates)
    for index, item in enumerate(candidates.items):
        picture = thumbnail(candidates, index, PIXELS, square, COLOURS[index])
        side = square[2]
        assert picture.shape == (side, side, 3)
        colour = tuple(int(COLOURS[index][i : i + 2], 16) for i in (1, 3, 5))
        coloured = (picture == colour).all(axis=-1)
        bright = (picture == 200).all(axis=-1)
        assert coloured.any()
        assert (coloured | bright).sum() == item.area
        assert set(np.unique(picture[~(coloured | bright)])) <= {0, 100}


def test_a_thumbnail_of_a_large_candidate_then_is_small() -> None:
    mask = np.hypot(*np.ogrid[-900:900, -900:900]) < 890
    item = Candidate((100, 100), mask, 0.9, np.zeros((8, 8), np.float32), Frame(0, 0, 1, 8))
    candidates = Candidates((2048, 2048), (item,), 0, "model", "hash")
    pixels = np.full((2048, 2048, 3), 200, np.uint8)
    picture = thumbnail(candidates, 0, pixels, square_around(candidates), COLOURS[0])
    assert SIDE <= len(picture) <= 4 * SIDE
    shown = (picture == 200).all(axis=-1)
    assert shown[len(picture) // 2, len(picture) // 2]
    assert not shown[0].any()


def test_the_square_around_candidates_then_holds_them_all(discs: LoadedModel) -> None:
    candidates = candidates_at(discs, 30, 40)
    row, col, side = square_around(candidates)
    for item in candidates.items:
        top, left, bottom, right = item.bbox
        assert row < top <= bottom < row + side
        assert col < left <= right < col + side


def test_captions_then_give_number_name_and_iou_and_a_star_to_the_marked(discs: LoadedModel) -> None:
    offer = offered(discs)
    captions = [caption(offer, number, offer.suggested, Keymap()) for number in range(3)]
    assert [text.split()[:2] for text in captions] == [["1", "part"], ["2", "cell"], ["3", "cluster"]]
    assert "0.90" in captions[offer.suggested]
    assert [text.endswith("*") for text in captions] == [index == offer.suggested for index in range(3)]
    assert caption(offer, 0, 0, Keymap()).endswith("*")


def test_two_distinct_candidates_then_leave_the_third_picture_empty(qtbot: Any, discs: LoadedModel) -> None:
    offer = offered(discs)
    small, medium, _ = offer.candidates.items
    two = Offer(replace(offer.candidates, items=(small, medium, medium), best=0), 0)
    thumbnails = Thumbnails()
    qtbot.addWidget(thumbnails)
    thumbnails.show_offer(two, PIXELS)
    assert [button.isEnabled() for button in thumbnails.buttons] == [True, True, False]
    names = [button.accessibleName() for button in thumbnails.buttons]
    assert [name.split()[2] for name in names[:2]] == ["part", "cell"]
    thumbnails.mark(two, two.shown[1])
    assert [button.text().endswith("*") for button in thumbnails.buttons[:2]] == [False, True]


def test_a_thumbnail_when_clicked_then_tells_its_number(qtbot: Any, discs: LoadedModel) -> None:
    thumbnails = Thumbnails()
    qtbot.addWidget(thumbnails)
    thumbnails.show_offer(offered(discs), PIXELS)
    with qtbot.waitSignal(thumbnails.chosen) as told:
        qtbot.mouseClick(thumbnails.buttons[1], Qt.MouseButton.LeftButton)
    assert told.args == [1]
    assert [not button.icon().isNull() for button in thumbnails.buttons] == [True] * 3


def test_thumbnails_when_cleared_then_cannot_be_clicked(qtbot: Any, discs: LoadedModel) -> None:
    thumbnails = Thumbnails()
    qtbot.addWidget(thumbnails)
    thumbnails.show_offer(offered(discs), PIXELS)
    thumbnails.clear()
    heard: list[int] = []
    thumbnails.chosen.connect(heard.append)
    qtbot.mouseClick(thumbnails.buttons[1], Qt.MouseButton.LeftButton)
    assert heard == []
    assert all(button.icon().isNull() for button in thumbnails.buttons)
