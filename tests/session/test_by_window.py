"""Prompts on an image that nobody has opened: which parts are read, and what comes out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_sam.masks import cropped
from napari_sam.predict import Candidate, Candidates, Embedding, Predictor, Prompts
from napari_sam.predict.frames import Frame
from napari_sam.session.by_window import answers_on
from napari_sam.weights import load_model

PLANE = (4000, 90)


class Lazy:
    """An image that notes which rows are read."""

    def __init__(self) -> None:
        self.shape, self.read = PLANE, list[tuple[int, int]]()

    def __getitem__(self, index: tuple[slice, slice]) -> NDArray[np.uint8]:
        self.read.append((index[0].start, index[0].stop))
        return np.zeros(PLANE, np.uint8)[index]


def test_prompts_when_on_a_large_plane_then_windows_are_read_and_wider_ones_for_what_is_cut_off() -> None:
    truth = {
        (1149.0, 40.0): slice(1100, 1700),
        (3300.0, 9.0): slice(3290, 3310),
        (3310.0, 9.0): slice(3310, 3312),
    }

    def ask(embedding: Embedding, prompts: Sequence[Prompts]) -> list[Candidates]:
        """Answer as a model would that sees objects as far as the window goes."""
        found = []
        for each in prompts:
            mask = np.zeros(PLANE, bool)
            mask[truth[tuple(each.positions[0])], 20:60] = True
            origin, seen = cropped(embedding.window.origin, mask[embedding.window.index])
            item = Candidate(origin, seen, 0.9, np.zeros((8, 8), np.float32), Frame(0, 0, 1, 8))
            found.append(Candidates(PLANE, (item,), 0, embedding.model, embedding.weights_hash))
        return found

    image, told = Lazy(), list[tuple[int, int]]()
    predictor = Predictor(load_model("cell-tiny", "cpu", precision="float32"))
    answers = answers_on(
        predictor, image, [Prompts([at], [1]) for at in truth], ask, progress=lambda *of: told.append(of)
    )
    assert image.read == [(512, 1536), (2816, 3840), (768, 1792)]
    assert [each.items[0].bbox for each in answers] == [
        (1100, 20, 1699, 59),
        (3290, 20, 3309, 59),
        (3310, 20, 3311, 59),
    ]
    assert told[-1][0] == told[-1][1] > 1
