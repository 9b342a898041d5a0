"""Parts of images that are opened, on machines with too little memory too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_sam.errors import OutOfMemoryError
from napari_sam.model import Sam
from napari_sam.predict import PlaneWindow, Predictor, Prompts
from napari_sam.session.embeddings import EmbeddingStore
from napari_sam.session.opening import Opened, Opener
from napari_sam.weights import LoadedModel

IMAGE = np.random.default_rng(0).integers(0, 255, (1200, 1500), np.uint8)
PLANE = IMAGE.shape
CLICK = np.array([[700.0, 800.0]])


class Starved(Sam):
    """A network on a device whose memory holds inputs of a few pixels, or none at all."""

    limit = 0

    def normalize(self, pixels: Tensor) -> Tensor:
        if pixels.device.type == "meta" or max(pixels.shape[-2:]) > self.limit > 0:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return super().normalize(pixels)


@pytest.fixture
def opener(tmp_path: Path) -> Opener:
    return Opener(EmbeddingStore(tmp_path, limit=0))


def starved(small: LoadedModel, limit: int, device: str = "cpu") -> Predictor:
    sam = Starved(small.sam.config).eval()
    sam.load_state_dict(small.sam.state_dict())
    sam.limit = limit
    return Predictor(replace(small, sam=sam, device=torch.device(device)))


def read(window: PlaneWindow) -> np.ndarray:
    return IMAGE[window.index]


def best(opened: Opened) -> np.ndarray:
    """Return the suggested mask at a click."""
    answer = opened.predictor.predict(opened.embedding, Prompts(CLICK, [1]))
    assert answer.shape == PLANE
    return answer.masks[answer.best]


def test_a_plane_that_is_not_large_then_is_opened_whole(opener: Opener, small: LoadedModel) -> None:
    opened = opener.open(Predictor(small), read, PLANE, CLICK)
    assert opened.window.whole
    assert opened.picture.shape == (*PLANE, 3)
    assert opened.note == ""
    assert opened.embedding.normalization.window is None
    assert opened.nbytes > opened.embedding.nbytes > 0


def test_a_large_plane_then_is_read_around_the_positions_alone(opener: Opener, small: LoadedModel) -> None:
    seen: list[PlaneWindow] = []

    def note(window: PlaneWindow) -> np.ndarray:
        seen.append(window)
        return np.zeros(window.shape, np.uint16)

    opened = opener.open(Predictor(small), note, (50_000, 40_000), np.array([[31_000.0, 20_000.0]]))
    assert seen == [opened.window]
    assert opened.window.shape == (1024, 1024)
    assert opened.window.holds(np.array([[31_000.0, 20_000.0]]))
    assert opened.embedding.normalization.window == (*opened.window.origin, 1024, 1024)


def test_short_memory_then_opens_a_smaller_window_says_so_and_remembers_it(
    opener: Opener, small: LoadedModel
) -> None:
    predictor = starved(small, limit=600)
    opened = opener.open(predictor, read, PLANE, CLICK)
    assert opened.window.shape == (512, 512)
    assert opened.note == "The memory of cpu is too small, so 512 x 512 pixels are opened at a time."
    expected = small_answer(small, opened.window)
    assert np.array_equal(best(opened), expected)
    again = opener.open(predictor, read, PLANE, np.array([[20.0, 20.0]]))
    assert again.window == PlaneWindow((0, 0), (512, 512), PLANE)
    assert again.note == ""


def small_answer(small: LoadedModel, window: PlaneWindow) -> np.ndarray:
    predictor = Predictor(small)
    answer = predictor.predict(predictor.embed(IMAGE, window=window), Prompts(CLICK, [1]))
    return answer.masks[answer.best]


def test_no_memory_on_the_device_then_the_cpu_does_it_and_goes_on_doing_it(
    opener: Opener, small: LoadedModel
) -> None:
    predictor = starved(small, limit=0, device="meta")
    opened = opener.open(predictor, read, PLANE, CLICK)
    assert opened.predictor.model.device.type == "cpu"
    assert opened.window.whole
    assert opened.note == "The memory of meta is too small, so the CPU is used; it is slower."
    assert np.array_equal(best(opened), best(opener.open(Predictor(small), read, PLANE, CLICK)))
    again = opener.open(predictor, read, PLANE, CLICK)
    assert again.predictor is opened.predictor
    assert again.note == ""


def test_no_memory_anywhere_then_one_sentence_says_what_to_do(opener: Opener, small: LoadedModel) -> None:
    with pytest.raises(OutOfMemoryError, match="close other programs or use a smaller model"):
        opener.open(starved(small, limit=10), read, PLANE, CLICK)
