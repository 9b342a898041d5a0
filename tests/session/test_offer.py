"""The colours of candidates, as people with each kind of colour vision see them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from napari_sam.session.classes import COLOURS as CLASSES
from napari_sam.session.offer import COLOURS

VISION = {
    "ordinary": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
"""What linear red, green and blue become (Machado, Oliveira and Fernandes 2009, table 1, severity 1)."""
APART = 10.0
"""In CIEDE2000 units; 1 is the least difference that an eye sees, and 10 is seen at a glance."""


def seen(colour: str, vision: str) -> np.ndarray:
    """Return a colour such as "#e69f00" in CIELAB, as somebody sees it."""
    rgb = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    mixed = np.clip(VISION[vision] @ linear, 0, 1)
    coded = np.where(mixed <= 0.0031308, 12.92 * mixed, 1.055 * mixed ** (1 / 2.4) - 0.055)
    return np.asarray(rgb2lab(coded))


@pytest.mark.parametrize("vision", VISION)
def test_the_colours_of_candidates_then_are_far_apart_for_everybody(vision: str) -> None:
    assert len(COLOURS) == 3
    pairs = combinations([seen(each, vision) for each in COLOURS], 2)
    assert min(float(deltaE_ciede2000(*pair)) for pair in pairs) > APART


@pytest.mark.parametrize("vision", VISION)
def test_the_colours_of_classes_then_are_not_the_same_for_anybody(vision: str) -> None:
    pairs = combinations([seen(each, vision) for each in CLASSES], 2)
    assert min(float(deltaE_ciede2000(*pair)) for pair in pairs) > APART / 2
