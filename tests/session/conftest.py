"""Objects to write down."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from napari_sam.predict import Frame, MaskPrompt, Prompts
from napari_sam.session import Edit, Object


def made(number: int) -> Object:
    mask = np.random.default_rng(number).random((number % 7 + 1, 9)) < 0.6
    box = (1.0, 2.0, 8.0, 9.5) if number % 2 else None
    logits = np.random.default_rng(number).normal(size=(16, 16)).astype(np.float32)
    given = {0: None, 1: logits, 2: MaskPrompt(logits, Frame(0.5, -3.25, 0.25, 128))}[number % 3]
    return Object(
        id=number,
        plane=(number % 3,),
        origin=(number, 2 * number),
        mask=mask,
        prompts=None if number % 5 == 0 else Prompts([(4.0, 5.5), (6.0, 7.0)], [1, 0], box, given),
        choice=number % 3,
        suggested=number % 2,
        iou_prediction=0.875,
        model="cell-tiny",
        weights_hash="f00d",
        device="cpu",
        precision="bfloat16",
        software="0.1.0",
        normalization={"method": "percentile", "low": [0.5]},
        made="2026-11-24T05:00:00+00:00",
        author="a person",
        category="mitotic",
        note="",
    )


@pytest.fixture
def an_object() -> Callable[[int], Object]:
    """Return a function that makes the object of a number."""
    return made


@pytest.fixture
def added() -> Callable[..., Edit]:
    """Return a function that makes the edit that commits the objects of some numbers."""
    return lambda *numbers: Edit("commit", (), tuple(made(number) for number in numbers))
