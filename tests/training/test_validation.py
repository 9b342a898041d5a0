from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PIL import Image

from napari_sam.errors import DataError
from napari_sam.training.config import DataConfig, TrainConfig
from napari_sam.training.loop import train
from napari_sam.training.validation import Validation, spread
from napari_sam.weights import LoadedModel


@pytest.fixture
def data(data_folder: Path) -> DataConfig:
    folder = data_folder / "dsb2018"
    return DataConfig(folder / "images", (folder / "labels",))


def config_of(data: DataConfig, **settings: object) -> TrainConfig:
    quick = {"validate_every": 2, "validation_images": 1, "validation_limit": 2, "precision": "float32"}
    return TrainConfig((data,), (data,), **(quick | settings))  # type: ignore[arg-type]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_look_when_repeated_then_every_look_leaves_a_row_and_a_sheet(
    data: DataConfig, small: LoadedModel, tmp_path: Path
) -> None:
    validation = Validation(config_of(data), tmp_path)
    first = validation.look(small.sam, 2)
    validation.look(small.sam, 4)
    rows = rows_of(tmp_path / "scores.csv")
    assert [row["step"] for row in rows] == ["2", "4"]
    assert float(rows[0]["point"]) == pytest.approx(first[0].means()["point"], abs=1e-4)
    assert {key: rows[0][key] for key in ("box", "objects")} == {
        key: rows[1][key] for key in ("box", "objects")
    }
    assert rows[0]["objects"] == "2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scores.csv", "sheet-2.png", "sheet-4.png"]
    with Image.open(tmp_path / "sheet-4.png") as sheet:
        assert sheet.mode == "RGB"


def test_due_when_steps_pass_then_every_second_unless_never(data: DataConfig, tmp_path: Path) -> None:
    assert [Validation(config_of(data), tmp_path).due(step) for step in range(5)] == [0, 0, 1, 0, 1]
    never = Validation(config_of(data, validate_every=0), tmp_path)
    assert not any(never.due(step) for step in range(5))


def test_validation_when_a_folder_is_missing_then_says_so_before_any_step(
    data: DataConfig, tmp_path: Path
) -> None:
    missing = DataConfig(tmp_path / "nowhere", data.labels)
    with pytest.raises(DataError, match="nowhere"):
        Validation(TrainConfig((data,), (missing,)), tmp_path)


def test_spread_when_there_are_more_images_than_wanted_then_first_and_last_are_among_them(
    data: DataConfig,
) -> None:
    stems = sorted(path.stem for path in data.images.iterdir())
    assert spread(data, 2).stems == (stems[0], stems[-1])
    assert spread(data, 9).stems == tuple(stems)


def test_train_when_validation_is_due_then_scores_appear_beside_the_curve(
    data: DataConfig, tmp_path: Path
) -> None:
    short = {"steps": 2, "dense_steps": 1, "crops": 1, "prompts_per_crop": 2, "crop_size": 64}
    train(config_of(data, **short), tmp_path / "run")
    assert [row["step"] for row in rows_of(tmp_path / "run" / "scores.csv")] == ["2"]
    sheet = tmp_path / "run" / "sheet-2.png"
    sheet.unlink()  # as if it was stopped while it looked
    train(config_of(data, **short), tmp_path / "run", resume=True)
    assert [row["step"] for row in rows_of(tmp_path / "run" / "scores.csv")] == ["2"]
    assert sheet.is_file()
