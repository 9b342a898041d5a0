from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_sam.errors import PromptError
from napari_sam.predict import Frame, MaskPrompt, Prompts

FRAME = Frame(0.0, 0.0, 1.0, 128)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "no prompt"),
        ({"points": [(1, 1)]}, "1 points and 0 point labels"),
        ({"points": [(1, 1)], "point_labels": [1, 0]}, "1 points and 2 point labels"),
        ({"point_labels": [1]}, "0 points and 1 point labels"),
        ({"points": [(1, 1)], "point_labels": [2]}, "label is 1"),
        ({"points": [(1, 1)], "point_labels": ["in"]}, "label is 1"),
        ({"points": [(1, 1), (2, 2)], "point_labels": [[1], [1, 0]]}, "no list of numbers"),
        ({"points": [(1, 1)], "point_labels": None}, "no list of numbers"),
        ({"points": [(1, 1)], "point_labels": [[1]]}, "no list of numbers"),
        ({"points": [1, 1], "point_labels": [1, 1]}, "pairs"),
        ({"points": [(1, 1, 1)], "point_labels": [1]}, "pairs"),
        ({"points": [("a", "b")], "point_labels": [1]}, "not numbers"),
        ({"points": [(1, np.nan)], "point_labels": [1]}, "not finite"),
        ({"points": [(1, 1)], "point_labels": [0]}, "All points are outside"),
        ({"points": [(1, 1), (1.2, 0.8)], "point_labels": [1, 0]}, "both inside and outside"),
        ({"box": (1, 2, 3)}, "four numbers"),
        ({"box": 5}, "four numbers"),
        ({"box": (1, 2, np.inf, 4)}, "not finite"),
        ({"box": (1, 2, 1, 4)}, "no area"),
        ({"box": (5, 2, 1, 4)}, "no area"),
        ({"mask": np.zeros((1, 4, 4))}, "one plane of logits"),
        ({"mask": "mask"}, "one plane of logits"),
        ({"mask": np.full((4, 4), np.inf)}, "not finite"),
        ({"mask": np.full((4, 4), -1e30)}, "or huge"),
        *(({"mask": np.eye(4, dtype=dtype)}, "below 0 outside") for dtype in (bool, "u1", "i4", "f8")),
    ],
)
def test_prompts_that_make_no_sense_say_why_in_one_sentence(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(PromptError, match=message) as caught:
        Prompts(**arguments)
    assert str(caught.value).count(". ") == 0


def test_prompts_when_the_array_they_were_made_from_changes_then_stay_as_they_are() -> None:
    points, logits = np.array([[1.0, 2.0]]), np.zeros((4, 4), np.float32)
    prompts, framed = Prompts(points, [1], mask=logits), MaskPrompt(logits, FRAME)
    points += 5
    logits += 5
    np.testing.assert_array_equal(prompts.positions, [[1, 2]])
    assert not np.any(prompts.mask)
    assert not framed.logits.any()


@pytest.mark.parametrize("logits", [np.zeros((0, 3)), np.zeros(4), np.full((4, 4), np.nan)])
def test_mask_prompt_with_unusable_logits_raises(logits: NDArray[Any]) -> None:
    with pytest.raises(PromptError):
        MaskPrompt(logits, FRAME)


def test_negative_points_with_a_box_or_a_mask_are_allowed() -> None:
    assert len(Prompts(points=[(1, 1)], point_labels=[0], box=(0, 0, 9, 9)).positions) == 1
    mask = MaskPrompt(np.zeros((4, 4)), FRAME)
    assert len(Prompts(points=[(1, 1)], point_labels=[0], mask=mask).positions) == 1


@pytest.mark.parametrize("point", [(-0.6, 3), (3, -0.6), (10, 3), (3, 20)])
def test_within_when_a_point_lies_outside_the_image_raises(point: tuple[float, float]) -> None:
    with pytest.raises(PromptError, match="outside the image of 10 x 20 pixels"):
        Prompts(points=[point], point_labels=[1]).within((10, 20))


def test_within_accepts_points_on_the_border_of_the_outer_pixels() -> None:
    prompts = Prompts(points=[(-0.5, -0.5), (9.5, 19.5)], point_labels=[1, 1])
    assert len(prompts.within((10, 20)).positions) == 2


def test_within_clips_a_box_that_leaves_the_image() -> None:
    assert tuple(Prompts(box=(-5, 3, 4, 50)).within((10, 20)).box) == (-0.5, 3, 4, 19.5)


def test_within_when_the_box_is_beside_the_image_raises() -> None:
    with pytest.raises(PromptError, match="The box lies outside"):
        Prompts(box=(12, 0, 15, 5)).within((10, 20))


@pytest.mark.parametrize(
    ("arguments", "ambiguous"),
    [
        ({"points": [(1, 1)], "point_labels": [1]}, True),
        ({"box": (0, 0, 5, 5)}, True),
        ({"points": [(1, 1), (2, 2)], "point_labels": [1, 1]}, False),
        ({"points": [(1, 1)], "point_labels": [1], "box": (0, 0, 5, 5)}, False),
        ({"box": (0, 0, 5, 5), "mask": MaskPrompt(np.zeros((4, 4)), FRAME)}, False),
    ],
)
def test_ambiguous_holds_for_one_point_or_a_lone_box(arguments: dict[str, Any], ambiguous: bool) -> None:
    assert Prompts(**arguments).ambiguous is ambiguous
