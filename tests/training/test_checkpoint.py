from __future__ import annotations

import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from napari_sam.errors import DataError, WeightsError
from napari_sam.training.checkpoint import check_folder, read_state, write_state
from napari_sam.training.config import DataConfig, TrainConfig

CONFIG = TrainConfig((DataConfig(Path("images"), (Path("labels"),)),))


def written(folder: Path, step: int = 7) -> Path:
    path = folder / "state.pt"
    write_state(path, {"step": step, "weights": torch.arange(50_000)}, CONFIG)
    return path


def test_read_state_when_written_then_the_same_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = written(tmp_path)
    state = read_state(path, CONFIG)
    assert state["step"] == 7
    assert torch.equal(state["weights"], torch.arange(50_000))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("left", [0.0, 0.001, 0.5, 0.99])
def test_read_state_when_the_file_is_cut_off_then_says_so(tmp_path: Path, left: float) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(left * len(whole))])
    with pytest.raises(DataError, match=r"state\.pt is damaged"):
        read_state(path, CONFIG)


def test_read_state_when_the_settings_are_others_then_names_them(tmp_path: Path) -> None:
    path = written(tmp_path)
    with pytest.raises(DataError, match=r"\(seed was 0, is 5; learning_rate was 0\.0015, is 0\.0001\)"):
        read_state(path, replace(CONFIG, seed=5, learning_rate=1e-4))
    for other in (CONFIG.data * 2, (replace(CONFIG.data[0], stems=("a",)),)):
        with pytest.raises(DataError, match="other data"):
            read_state(path, replace(CONFIG, data=other))


def test_read_state_when_only_length_place_and_looks_are_others_then_goes_on(tmp_path: Path) -> None:
    path = written(tmp_path)
    moved = (DataConfig(Path("elsewhere/images"), (Path("elsewhere/labels"),)),)
    looks = replace(CONFIG, validation=moved, validate_every=5, rating_prompts=0, save_every=9)
    assert read_state(path, replace(looks, data=moved, steps=9000, decay=5, workers=3))["step"] == 7


def test_read_state_when_an_earlier_version_wrote_no_settings_then_goes_on(tmp_path: Path) -> None:
    torch.save({"step": 3}, tmp_path / "state.pt")
    assert read_state(tmp_path / "state.pt", CONFIG)["step"] == 3


def test_write_state_when_there_is_no_room_then_says_so_and_the_one_before_stays(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")  # not on Windows
    path = written(tmp_path)
    before = path.read_bytes()
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(DataError, match=r"state\.pt could not be written \(.+\); free some space"):
            written(tmp_path, 8)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_write_state_when_the_folder_is_gone_then_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="could not be written"):
        written(tmp_path / "gone")


@pytest.mark.skipif(sys.platform != "linux", reason="has names of any bytes")
def test_check_folder_when_its_weights_could_not_be_read_again_then_says_so_before_the_training(
    tmp_path: Path,
) -> None:
    with pytest.raises(WeightsError, match="not UTF-8; rename it"):
        check_folder(tmp_path / "m\udcfcller", resume=False)


def test_check_folder_when_it_holds_a_run_then_only_resuming_is_allowed(tmp_path: Path) -> None:
    check_folder(tmp_path / "new" / "run", resume=False)
    with pytest.raises(DataError, match="nothing to resume"):
        check_folder(tmp_path, resume=True)
    path = written(tmp_path)
    with pytest.raises(DataError, match=r"state\.pt is no folder; give another --out"):
        check_folder(path / "run", resume=False)
    check_folder(tmp_path, resume=True)
    with pytest.raises(DataError, match="holds an earlier run"):
        check_folder(tmp_path, resume=False)
    path.rename(tmp_path / "model.safetensors")  # of a run whose checkpoint was removed
    with pytest.raises(DataError, match=r"model\.safetensors is there already; give another --out"):
        check_folder(tmp_path, resume=False)
