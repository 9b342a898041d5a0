import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from napari_sam.errors import DataError
from napari_sam.files.writing import alone
from napari_sam.training.config import DataConfig, TrainConfig
from napari_sam.training.loop import initial_model, train
from napari_sam.training.rows import append_row
from napari_sam.training.schedule import learning_rate
from napari_sam.training.simulate import corrective_points


@pytest.fixture
def config(tmp_path: Path) -> TrainConfig:
    rng = np.random.default_rng(1)
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    labels = np.zeros((96, 96), np.uint16)
    for index, (row, col) in enumerate([(10, 10), (12, 60), (55, 15), (60, 60)]):
        labels[row : row + 22, col : col + 22] = index + 1
    image = ((labels > 0) * 150 + rng.integers(0, 30, labels.shape)).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "images" / "a.png")
    tifffile.imwrite(tmp_path / "labels" / "a.tif", labels)
    data = DataConfig(tmp_path / "images", (tmp_path / "labels",))
    return TrainConfig(
        (data,), steps=6, dense_steps=1, warmup=2, crops=1, prompts_per_crop=4, crop_size=64,
        save_every=3, precision="float32", ema=0.5,
    )  # fmt: skip


def test_train_when_stopped_and_resumed_then_the_weights_are_the_same(
    config: TrainConfig, tmp_path: Path
) -> None:
    whole = train(config, tmp_path / "whole")

    class Stop(Exception):
        pass

    def stop_at_the_end_of_the_first_half(_row: dict[str, float]) -> None:
        if (tmp_path / "halves" / "state.pt").exists():
            raise Stop

    with pytest.raises(Stop):
        train(config, tmp_path / "halves", report=stop_at_the_end_of_the_first_half)
    resumed = train(config, tmp_path / "halves", resume=True)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def steps_of(path: Path) -> list[int]:
    with path.open(encoding="utf-8", newline="") as file:
        return [int(row["step"]) for row in csv.DictReader(file)]


def test_train_when_steps_are_done_again_after_a_stop_then_every_step_has_one_row(
    config: TrainConfig, tmp_path: Path
) -> None:
    class Stop(Exception):
        pass

    def stop(row: dict[str, float]) -> None:
        if row["step"] == 10:  # which has its row, but no checkpoint
            raise Stop

    longer = replace(config, steps=14, save_every=4)
    with pytest.raises(Stop):
        train(longer, tmp_path / "run", report=stop)
    curve = tmp_path / "run" / "curve.csv"
    assert steps_of(curve) == [0, 10]
    train(longer, tmp_path / "run", resume=True)
    assert steps_of(curve) == [0, 10, 13]


def test_train_when_it_was_long_ago_that_it_was_saved_then_it_is_saved_before_its_step_has_come(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_sam.training.loop.UNSAVED", 0.0)
    monkeypatch.setattr("napari_sam.training.loop.WRITING", 1e9)

    class Stop(Exception):
        pass

    def stop(row: dict[str, float]) -> None:
        if row["step"]:
            raise Stop

    with pytest.raises(Stop):
        train(replace(config, steps=12, save_every=100), tmp_path / "run", report=stop)
    assert torch.load(tmp_path / "run" / "state.pt", weights_only=True)["step"] == 10


def test_train_when_a_run_without_a_checkpoint_starts_anew_then_its_rows_are_gone(
    config: TrainConfig, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    append_row(tmp_path / "run" / "curve.csv", {"step": 0, "dense": 0.5})
    train(replace(config, steps=1), tmp_path / "run")
    assert steps_of(tmp_path / "run" / "curve.csv") == [0]


def test_train_when_the_folder_holds_an_earlier_run_then_says_so_and_keeps_it(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(replace(config, steps=1), tmp_path / "run")
    before = (tmp_path / "run" / "state.pt").read_bytes()
    with pytest.raises(DataError, match="holds an earlier run"):
        train(config, tmp_path / "run")
    monkeypatch.setattr("napari_sam.training.loop.LINGERING", 0.0)
    with alone(tmp_path / "run" / "state.pt"), pytest.raises(DataError, match="by another napari-sam"):
        train(config, tmp_path / "run", resume=True)  # while it goes on
    assert (tmp_path / "run" / "state.pt").read_bytes() == before


def test_train_when_resumed_with_other_settings_then_names_them(config: TrainConfig, tmp_path: Path) -> None:
    train(replace(config, steps=1), tmp_path / "run")
    other = replace(config, seed=5, learning_rate=1e-4)
    with pytest.raises(DataError, match=r"seed was 0, is 5; learning_rate was 0\.0015, is 0\.0001"):
        train(other, tmp_path / "run", resume=True)
    with pytest.raises(DataError, match="other data"):
        train(replace(config, data=config.data * 2), tmp_path / "run", resume=True)


def test_train_when_resumed_with_more_steps_and_what_changes_no_weights_then_goes_on(
    config: TrainConfig, tmp_path: Path
) -> None:
    train(replace(config, steps=1), tmp_path / "run")
    (tmp_path / "images").rename(tmp_path / "moved")
    moved = (replace(config.data[0], images=tmp_path / "moved"),)
    train(replace(config, data=moved, steps=2, save_every=7, rating_prompts=0), tmp_path / "run", resume=True)
    assert torch.load(tmp_path / "run" / "state.pt", weights_only=True)["step"] == 2


def test_train_when_the_checkpoint_of_an_earlier_version_has_no_settings_then_goes_on(
    config: TrainConfig, tmp_path: Path
) -> None:
    train(replace(config, steps=1), tmp_path / "run")
    path = tmp_path / "run" / "state.pt"
    state = torch.load(path, weights_only=True)
    del state["settings"]
    torch.save(state, path)
    train(replace(config, steps=2), tmp_path / "run", resume=True)
    assert torch.load(path, weights_only=True)["step"] == 2


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # where there is but one core
def test_train_when_none_or_more_workers_make_the_batches_then_the_same_weights(
    config: TrainConfig, tmp_path: Path
) -> None:
    none, one, two = (
        train(replace(config, steps=3, workers=count), tmp_path / str(count)).state_dict()
        for count in range(3)
    )
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert all(torch.equal(value, none[name]) for name, value in one.items())


def test_initial_model_when_there_is_no_such_architecture_then_names_those_there_are(
    config: TrainConfig,
) -> None:
    with pytest.raises(DataError, match="no architecture 'vit_x'; give one of vit_t, vit_b"):
        initial_model(replace(config, model="vit_x"))


def test_train_when_it_runs_on_then_the_prompt_loss_falls(config: TrainConfig, tmp_path: Path) -> None:
    rows: list[dict[str, float]] = []
    # losses differ by the scale, and saving takes longer than a step
    one_scale = replace(config, steps=81, save_every=81, diameters=(22.0, 22.0), any_scale_share=0.0)
    train(one_scale, tmp_path / "run", report=rows.append)
    first = [row["first"] for row in rows if "first" in row]
    assert np.median(first[len(first) // 2 :]) < 0.65 * first[0]  # single batches stand out
    assert (tmp_path / "run" / "curve.csv").read_text().startswith("step,dense,first,corrected,seconds\n0,")


def test_train_when_there_is_nothing_to_resume_then_says_so(config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing to resume"):
        train(config, tmp_path / "empty", resume=True)


def test_learning_rate_when_steps_pass_then_rises_stays_and_falls_to_nearly_zero(config: TrainConfig) -> None:
    run = replace(config, steps=1000, decay=200)
    rates = [learning_rate(run, step) for step in (0, 1, 500, 800, 900, 999)]
    assert rates == pytest.approx([run.learning_rate * share for share in (0.5, 1, 1, 1, 0.5, 0.005)])


def test_train_when_the_rate_falls_then_batch_statistics_stay(config: TrainConfig, tmp_path: Path) -> None:
    def statistics(steps: int, decay: int) -> torch.Tensor:
        run = replace(config, steps=steps, decay=decay, learning_rate=0.0)
        return train(run, tmp_path / f"{steps}-{decay}").image_encoder.smooth16[1].running_mean  # type: ignore[union-attr, index, return-value]

    four = statistics(4, 0)
    assert torch.equal(four, statistics(6, 2))
    assert not torch.equal(four, statistics(5, 0))


def test_corrective_points_when_missed_or_spilled_then_the_label_says_which() -> None:
    target = torch.zeros(3, 1, 64, 64)
    target[:, :, 10:30, 10:30] = 1
    logits = torch.full((3, 1, 64, 64), -5.0)
    logits[0, 0, 10:30, 10:20] = 5.0  # the right half is missed
    logits[1, 0, 10:30, 10:40] = 5.0  # spilled to the right
    logits[2] = target[2] * 10 - 5.0  # without error
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        points, labels = corrective_points(logits, target, generator)
        assert labels[:, 0].tolist() == [1, 0, -1]
        assert 40 <= points[0, 0, 0] < 60
        assert 60 <= points[1, 0, 0] < 80
        assert (points[:2, 0, 1] >= 20).all()
        assert (points[:2, 0, 1] < 60).all()
