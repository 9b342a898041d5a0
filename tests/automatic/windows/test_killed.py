"""A kill at any step of writing labels, and what the next call makes of what is left."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam.automatic import WindowSettings
from napari_sam.automatic.windows.output import WindowedLabels
from napari_sam.automatic.windows.pending import pending_path
from napari_sam.automatic.windows.reading import LargeImage
from napari_sam.automatic.windows.segmenting import label_windows
from napari_sam.automatic.windows.state import state_path
from napari_sam.errors import DataError

SMALL = WindowSettings(128, 32)


class Killed(BaseException):
    """What no code expects."""


class Kill:
    """Counts files that take their place, those of zarr's threads too, and lets no more than some do.

    Locks do not count: a system frees those of a process that was killed.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
        self.left, self._lock = after, Lock()
        for name in ("replace", "unlink"):
            monkeypatch.setattr(Path, name, self._counting(getattr(Path, name)))

    def _counting(self, real: Any) -> Any:
        def counted(path: Path, *given: Any, **options: Any) -> Any:
            if path.suffix != ".lock":
                with self._lock:
                    self.left -= 1
                    if self.left < 0:
                        raise Killed
            return real(path, *given, **options)

        return counted


def bright_parts(pixels: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    labels, count = ndimage.label(pixels[..., 0] > 127, np.ones((3, 3)))
    return labels.astype(np.int32), np.full(count, 0.5)


def labelled(image: NDArray[Any], output: Path, **options: Any) -> NDArray[np.int32]:
    label_windows(LargeImage(image), output, bright_parts, {}, SMALL, **options)
    return np.asarray(zarr.open_array(output, mode="r")[...])


def two_arms(width: int) -> NDArray[np.uint8]:
    """Draw arms that meet in a late window, and a bar between them."""
    image = np.zeros((230, width), np.uint8)
    image[5:200, 20:30] = image[5:200, 80:90] = image[190:200, 20:90] = 200
    image[5:60, 50:60] = 200
    return image


def told(output: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(state_path(output).read_text())
    return {name: state[name] for name in ("done", "next_label", "merged", "objects", "score")}


@pytest.mark.parametrize(("width", "each"), [(120, 1), (180, 4)])
def test_windows_when_killed_at_any_step_then_going_on_gives_the_same(
    width: int, each: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_sam.automatic.windows.output.CHUNK", 64)  # a window is several files
    image = two_arms(width)
    whole = labelled(image, tmp_path / "whole.zarr")
    assert told(tmp_path / "whole.zarr")["objects"] == 2
    for after in range(0, 1000, each):
        out = tmp_path / f"{after}.zarr"
        with monkeypatch.context() as patch:
            kill = Kill(patch, after)
            try:
                labelled(image, out)
            except Killed:
                pass
            else:
                break
        assert kill.left < 0
        assert np.array_equal(labelled(image, out), whole), after
        assert told(out) == told(tmp_path / "whole.zarr")
        assert not pending_path(out).exists()
    assert after > 20


def test_windows_when_killed_between_labels_and_state_then_pieces_are_one_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, out, save = two_arms(120), tmp_path / "labels.zarr", WindowedLabels.save

    def dying(held: WindowedLabels, state: Any) -> None:
        if state.done == 3 and held.state.done == 2:
            raise Killed
        save(held, state)

    with monkeypatch.context() as patch:
        patch.setattr(WindowedLabels, "save", dying)
        with pytest.raises(Killed):
            labelled(image, out)
    assert told(out)["done"] == 2
    whole = pending_path(out).read_bytes()
    pending_path(out).write_bytes(whole[:100])
    with pytest.raises(DataError, match="overwrite the labels beside it"):
        labelled(image, out)
    pending_path(out).write_bytes(whole)
    labels = labelled(image, out)
    assert len(np.unique(labels)) - 1 == told(out)["objects"] == 2


def test_windows_when_overwriting_is_killed_at_any_step_then_nothing_of_the_old_labels_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, image = two_arms(120), two_arms(120)[::-1]
    whole = labelled(image, tmp_path / "whole.zarr")
    for after in range(8):
        out = tmp_path / f"{after}.zarr"
        labelled(old, out)
        before = state_path(out).read_text()
        with monkeypatch.context() as patch:
            Kill(patch, after)
            with pytest.raises(Killed):
                labelled(image, out, overwrite=True)
        if state_path(out).read_text() != before:  # overwriting began
            assert np.array_equal(labelled(image, out), whole), after


def test_windows_when_another_writes_the_same_labels_then_refused_and_the_first_goes_on(
    tmp_path: Path,
) -> None:
    image, output = two_arms(180), tmp_path / "labels.zarr"

    def find(pixels: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        with pytest.raises(DataError, match="is being written by another napari-sam"):
            labelled(image, output, overwrite=True)
        return bright_parts(pixels)

    label_windows(LargeImage(image), output, find, {}, SMALL)
    assert np.array_equal(labelled(image, output), labelled(image, tmp_path / "alone.zarr"))
    assert not list(tmp_path.glob(".*"))
