from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_sam.cli.picture import CANDIDATE_COLOURS, SIDE, draw
from napari_sam.predict import Candidate, Candidates, Frame, Prompts

SHAPE = (54, 40)


def rectangle(top: int, left: int, bottom: int, right: int) -> NDArray[np.uint16]:
    labels = np.zeros(SHAPE, np.uint16)
    labels[top:bottom, left:right] = 1
    return labels


def candidates(*sides: int) -> Candidates:
    frame = Frame(0.0, 0.0, 1.0, 128)
    logits = np.zeros((4, 4), np.float32)
    items = tuple(Candidate((20, 5), np.ones((side, side), bool), 0.9, logits, frame) for side in sides)
    return Candidates(SHAPE, items, 0, "none", "0" * 64)


def colours(picture: NDArray[np.uint8]) -> set[tuple[int, ...]]:
    packed = np.unique(picture.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32))
    return {(int(v) >> 16, int(v) >> 8 & 255, int(v) & 255) for v in packed}


def test_a_picture_when_drawn_then_is_enlarged_and_tinted_where_the_labels_are() -> None:
    image = np.full(SHAPE, 100, np.uint8)
    image[0, 0], image[-1, -1] = 0, 200
    picture = np.asarray(draw(image, rectangle(10, 10, 30, 30)))
    zoom = SIDE // 54
    assert picture.shape == (54 * zoom, 40 * zoom, 3)
    spread = np.ptp(picture.astype(int), axis=2)
    assert (spread[11 * zoom : 29 * zoom, 11 * zoom : 29 * zoom] > 20).all()
    assert (spread[32 * zoom :] == 0).all()


def test_candidates_when_drawn_then_each_has_an_outline_of_its_own_colour() -> None:
    image = np.arange(54 * 40, dtype=np.float32).reshape(SHAPE)
    seen = colours(np.asarray(draw(image, rectangle(0, 0, 0, 0), candidates=candidates(5, 10, 15))))
    assert set(CANDIDATE_COLOURS) <= seen
    fewer = colours(np.asarray(draw(image, rectangle(0, 0, 0, 0), candidates=candidates(5))))
    assert CANDIDATE_COLOURS[0] in fewer
    assert CANDIDATE_COLOURS[1] not in fewer


def test_prompts_when_drawn_then_positive_points_negative_points_and_boxes_show() -> None:
    image = np.arange(54 * 40, dtype=np.float32).reshape(SHAPE)
    prompt = Prompts([(10, 10), (40, 30)], [1, 0], box=(5, 5, 20, 20))
    picture = np.asarray(draw(image, rectangle(0, 0, 0, 0), [prompt]))
    zoom = SIDE // 54
    assert tuple(picture[int(10.5 * zoom), int(10.5 * zoom)]) == (0, 220, 120)
    assert tuple(picture[int(40.5 * zoom), int(30.5 * zoom)]) == (255, 60, 60)
    assert tuple(picture[int(5.5 * zoom), int(12 * zoom)]) == (255, 255, 255)


def test_an_image_when_larger_than_the_picture_needs_then_keeps_its_size() -> None:
    image = np.random.default_rng(0).integers(0, 4000, (1200, 900)).astype(np.uint16)
    assert draw(image, np.zeros((1200, 900), np.uint16)).size == (900, 1200)
