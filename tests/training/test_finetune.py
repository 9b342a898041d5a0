from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from scipy.stats import sem

from napari_sam.errors import DataError
from napari_sam.model import Sam, SamConfig, TinyViTConfig
from napari_sam.training.adapters import LowRankLinear, choose_weights, merge_adapters
from napari_sam.training.config import DataConfig, TrainConfig
from napari_sam.training.finetune import FineTuning, finish, plan
from napari_sam.training.held_out import digest, digests, hold_out, learnt_by
from napari_sam.training.loop import train
from napari_sam.training.measuring.comparison import HELD_OUT, Comparison
from napari_sam.training.measuring.report import ObjectScore, Report
from napari_sam.training.measuring.sets import Folder
from napari_sam.training.samples import read_folder
from napari_sam.training.schedule import Clock, learning_rate
from napari_sam.training.step import encode
from napari_sam.training.whole import WholeImages, frame
from napari_sam.weights import load_model, read_checkpoint, save_checkpoint

VIT = Path(__file__).parents[1] / "parity" / "sam_small.safetensors"


@pytest.fixture
def data(tmp_path: Path) -> DataConfig:
    """Return six images of bright squares on noise."""
    rng = np.random.default_rng(1)
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for number in range(6):
        labels = np.zeros((64, 96), np.uint16)
        for index, (row, col) in enumerate([(6, 8), (10, 60), (36, 20), (34, 62)]):
            labels[row : row + 20, col : col + 20] = index + 1
        image = ((labels > 0) * 150 + rng.integers(0, 30, labels.shape)).astype(np.uint8)
        Image.fromarray(image).save(tmp_path / "images" / f"{number}.png")
        tifffile.imwrite(tmp_path / "labels" / f"{number}.tif", labels)
    return DataConfig(tmp_path / "images", (tmp_path / "labels",))


def vit_config(data: DataConfig, tune: str, **settings: object) -> TrainConfig:
    quick: dict[str, object] = {
        "init": VIT, "tune": tune, "steps": 4, "dense_steps": 0, "warmup": 1, "prompts_per_crop": 4,
        "learning_rate": 1e-3, "corrections": (1,), "precision": "float32", "ema": 0.0,
    }  # fmt: skip
    return TrainConfig((data,), **(quick | settings))  # type: ignore[arg-type]


def changed(sam: Sam) -> set[str]:
    """Return the parts of a network whose weights are not those of the start model."""
    start = read_checkpoint(VIT).state
    differing = {key for key, value in sam.state_dict().items() if not torch.equal(value, start[key])}
    return {".".join(key.split(".")[:1]) if "qkv" not in key else "qkv" for key in differing}


@pytest.mark.parametrize(
    ("tune", "parts"),
    [("decoder", {"prompt_encoder", "mask_decoder"}), ("lora", {"qkv", "mask_decoder"})],
)
def test_train_when_parts_of_a_vit_are_tuned_then_only_those_change_and_the_result_is_plain(
    data: DataConfig, tmp_path: Path, tune: str, parts: set[str]
) -> None:
    sam = train(vit_config(data, tune), tmp_path / "run")
    assert changed(sam) == parts
    path = tmp_path / "tuned.safetensors"
    save_checkpoint(path, sam)
    assert load_model(path, "cpu").sam.config == load_model(VIT, "cpu").sam.config


def test_train_when_a_vits_decoder_is_tuned_then_the_prompt_loss_falls(
    data: DataConfig, tmp_path: Path
) -> None:
    rows: list[dict[str, float]] = []
    train(vit_config(data, "decoder", steps=41), tmp_path / "run", report=rows.append)
    assert rows[-1]["first"] < 0.7 * rows[0]["first"]


def test_train_when_adapters_are_resumed_then_the_weights_are_the_same(
    data: DataConfig, tmp_path: Path
) -> None:
    config = vit_config(data, "lora", save_every=2)
    whole = train(config, tmp_path / "whole")

    class Stop(Exception):
        pass

    def stop(_row: dict[str, float]) -> None:
        raise Stop

    with pytest.raises(Stop):  # the last step is reported before it is saved
        train(config, tmp_path / "halves", report=lambda row: stop(row) if row["step"] else None)
    resumed = train(config, tmp_path / "halves", resume=True)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_train_when_resumed_with_another_tuning_then_says_so(data: DataConfig, tmp_path: Path) -> None:
    train(vit_config(data, "decoder", steps=1), tmp_path / "run")
    with pytest.raises(DataError, match="tune was decoder, is lora"):
        train(vit_config(data, "lora"), tmp_path / "run", resume=True)


def test_train_when_resumed_with_another_start_model_then_says_so(data: DataConfig, tmp_path: Path) -> None:
    config = vit_config(data, "decoder", steps=1)
    train(config, tmp_path / "run")
    other = read_checkpoint(VIT)
    other.state["prompt_encoder.no_mask_embed.weight"] += 1
    moved, others = tmp_path / "moved.safetensors", tmp_path / "other.pth"
    shutil.copy(VIT, moved)
    torch.save(other.state, others)
    with pytest.raises(DataError, match=r"began with other weights than .*other\.pth; resume with those"):
        train(replace(config, init=others), tmp_path / "run", resume=True)
    train(replace(config, init=moved, steps=2), tmp_path / "run", resume=True)


def small_tiny_vit() -> Sam:
    """Return a network like MobileSAM's."""
    torch.manual_seed(1)
    encoder = TinyViTConfig((8, 16, 24, 32), (1, 1, 2, 1), (2, 3, 4), (7, 14, 7))
    return Sam(SamConfig("tiny", encoder, image_size=256)).eval()


@pytest.mark.parametrize(
    "make", [lambda: load_model(VIT, "cpu", precision="float32").sam, small_tiny_vit], ids=["vit", "tiny vit"]
)
def test_merge_adapters_when_they_have_learnt_then_the_plain_network_answers_the_same(
    make: Callable[[], Sam],
) -> None:
    sam = make()
    choose_weights(sam, "lora")
    torch.manual_seed(0)
    for module in sam.modules():
        if isinstance(module, LowRankLinear):
            torch.nn.init.normal_(module.up, std=0.1)
    image = torch.rand(1, 3, 256, 256)
    with torch.no_grad():
        adapted = sam.image_encoder(image).embedding
        merge_adapters(sam)
        merged = sam.image_encoder(image).embedding
    assert torch.allclose(adapted, merged, atol=1e-4)
    with torch.no_grad():
        before = make().image_encoder(image).embedding
    assert not torch.allclose(merged, before, atol=1e-2)
    assert sam.state_dict().keys() == make().state_dict().keys()


def test_choose_weights_when_there_is_no_attention_then_adapters_are_refused(small: object) -> None:
    sam = Sam(small.sam.config)  # type: ignore[attr-defined]
    with pytest.raises(DataError, match="--tune"):
        choose_weights(sam, "lora")


def test_whole_images_when_the_encoder_is_frozen_then_an_image_is_always_the_same(data: DataConfig) -> None:
    model = load_model(VIT, "cpu").sam.config
    sets = [(read_folder(data), 1.0)]
    fixed = WholeImages(sets, vit_config(data, "decoder"), model, varied=False)
    seen: dict[int | None, torch.Tensor] = {}
    for step in range(20):
        batch = fixed[step]
        assert batch.key is not None
        assert torch.equal(seen.setdefault(batch.key, batch.images), batch.images)
    varied = WholeImages(sets, vit_config(data, "lora"), model, varied=True)
    assert varied[0].key is None
    assert not torch.equal(varied[0].images, varied[1].images)


def test_encode_when_there_are_more_images_than_are_kept_then_the_others_are_encoded_again(
    data: DataConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_sam.training.step.KEPT", 1)
    sam, kept = load_model(VIT, "cpu", precision="float32").sam, {}
    batches = WholeImages([(read_folder(data), 1.0)], vit_config(data, "decoder"), sam.config, varied=False)
    every = {batch.key: batch for batch in (batches[step] for step in range(8))}
    expected = {key: encode(sam, batch, {}).embedding for key, batch in every.items()}
    for key, batch in [*every.items(), *every.items()]:
        assert torch.equal(encode(sam, batch, kept).embedding, expected[key])
    assert list(kept) == list(every)[:1]


def test_frame_when_the_image_is_wide_then_labels_lie_on_their_objects_and_below_is_nothing(
    data: DataConfig,
) -> None:
    sam = load_model(VIT, "cpu").sam
    sample = read_folder(data)[0]
    image, levels = frame(sample, 256, None)
    assert image.shape == (3, 256, 256)
    bright = image[0] > 100
    assert (bright.numpy() == (levels[0] > 0))[:171].mean() > 0.98
    assert (levels[0][171:] == 0).all()
    assert sam.normalize(image)[:, 171:].abs().max() < 1e-5


def test_whole_images_when_prompts_are_drawn_then_points_lie_on_their_targets(data: DataConfig) -> None:
    model = load_model(VIT, "cpu").sam.config
    config = vit_config(data, "lora", prompts_per_crop=16)
    prompts = WholeImages([(read_folder(data), 1.0)], config, model, varied=True)[3].prompts
    points = prompts.labels[:, 0] == 1
    assert points.any()
    assert (~points).any()
    for xy, target, area in zip(prompts.points[:, 0], prompts.targets, prompts.area, strict=True):
        x, y = (xy / 4).long().clamp(0, 63).tolist()
        around = target[0, max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4]
        assert around.max() == 1  # a box's corner is near the object, a point inside it
        assert float(target[0].sum()) == pytest.approx(float(area[0]), rel=1e-5)


@pytest.mark.parametrize(("count", "held"), [(2, 1), (6, 1), (10, 2), (11, 2)])
def test_hold_out_when_there_are_images_then_every_fifth_by_the_seed(
    tmp_path: Path, count: int, held: int
) -> None:
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
        for number in range(count):
            Image.fromarray(np.full((2, 2), number + 1, np.uint8)).save(tmp_path / folder / f"{number}.png")
    data = DataConfig(tmp_path / "images", (tmp_path / "labels",))
    learnt, out = hold_out(data, 3, digests(data))
    assert len(out) == held
    assert sorted(learnt + out) == sorted(str(number) for number in range(count))
    assert hold_out(data, 3, digests(data)) == (learnt, out)
    assert len({hold_out(data, seed, digests(data))[1] for seed in range(12)}) > 1


def test_hold_out_when_an_image_is_there_twice_or_empty_then_nothing_held_out_is_learnt_or_empty(
    data: DataConfig,
) -> None:
    for name, copy in (("0.png", "also 0.png"), ("1.png", "a copy.png")):
        shutil.copy(data.images / name, data.images / copy)
        shutil.copy(data.labels[0] / f"{name[0]}.tif", data.labels[0] / f"{copy[:-4]}.tif")
    Image.open(data.images / "2.png").save(data.images / "2.tif")
    Image.open(data.images / "0.png").save(data.images / "converted.tif")
    shutil.copy(data.labels[0] / "0.tif", data.labels[0] / "converted.tif")
    for empty in "345":
        tifffile.imwrite(data.labels[0] / f"{empty}.tif", np.zeros((64, 96), np.uint16))
    for seed in range(9):
        stems = hold_out(data, seed, digests(data))
        learnt, held = (read_folder(replace(data, stems=each)) for each in stems)
        assert not {each.image.tobytes() for each in learnt} & {each.image.tobytes() for each in held}
        assert all(each.labels.any() for each in held)


def test_hold_out_when_there_is_one_stack_then_planes_at_its_end(data: DataConfig) -> None:
    stack = np.random.default_rng(0).integers(0, 200, (8, 64, 96)).astype(np.uint8)
    labels = np.zeros(stack.shape, np.uint16)
    labels[[0, 2, 3, 4, 5, 7], 10:30, 10:30] = 1
    tifffile.imwrite(data.images / "[a].tif", stack, photometric="minisblack")
    tifffile.imwrite(data.labels[0] / "[a].tif", labels, photometric="minisblack")
    one = replace(data, stems=("[a]",))
    told = digests(one)
    learnt, held = hold_out(one, 0, told)
    assert learnt == ("[a] [0]", "[a] [2]", "[a] [3]", "[a] [4]", "[a] [5]")
    assert held == ("[a] [7]",)
    (sample,) = read_folder(replace(data, stems=held))
    assert sample.labels.any()
    assert Folder(data.images, data.labels, learnt).names == list(learnt)
    assert hold_out(replace(data, stems=learnt), 0, told)[1] == ("[a] [5]",)
    with pytest.raises(DataError, match="has learnt from all"):
        hold_out(one, 0, told, told.values())


def test_hold_out_when_there_is_one_image_then_asks_for_two(data: DataConfig) -> None:
    one = replace(data, stems=("3",))
    with pytest.raises(DataError, match="at least two"):
        hold_out(one, 0, digests(one))


def report(point: float, box: float, corrected: float, *more: float) -> Report:
    def score(shift: float) -> ObjectScore:
        ious = [value + shift for value in (point, point, box, corrected, corrected)]
        return ObjectScore("a", "grey", 1, 20.0, *ious, 0.1)

    return Report("model", "hash", tuple(score(shift) for shift in (0.0, *more)))


def test_comparison_when_one_measure_falls_and_the_others_rise_more_then_it_is_not_worse() -> None:
    before = {HELD_OUT: report(0.5, 0.7, 0.7), "others": report(0.8, 0.8, 0.8)}
    after = {HELD_OUT: report(0.7, 0.65, 0.7), "others": report(0.8, 0.7, 0.8)}
    comparison = Comparison(before, after)
    assert not comparison.worse
    assert comparison.forgotten == ["others"]
    assert Comparison(after, before).worse
    table = comparison.to_table().splitlines()
    assert table[4].split() == ["change", "+0.200", "+0.200", "-0.050", "+0.000", "+0.000", "+0.000"]
    assert table[5].endswith(": +0.050 on a single object, which may be chance")


def test_comparison_when_objects_differ_by_more_than_it_fell_then_nothing_is_said_of_it() -> None:
    shifts = (-0.2, 0.1, 0.06)
    before, after = report(0.5, 0.7, 0.7, 0, 0, 0), report(0.5, 0.7, 0.7, *shifts)
    comparison = Comparison({HELD_OUT: before}, {HELD_OUT: after})
    gain = comparison.gain(HELD_OUT)
    assert gain.mean == pytest.approx(-0.01)
    assert gain.error == pytest.approx(sem([0, *shifts]))
    assert not comparison.worse
    assert "no clear change (-0.010, give or take 0.067)" in comparison.to_table()
    lower = report(0.5 - 0.2, 0.7 - 0.2, 0.7 - 0.2, *shifts)
    assert Comparison({HELD_OUT: before}, {HELD_OUT: lower}).worse


@pytest.mark.parametrize("worse", [False, True])
def test_finish_when_the_model_is_worse_then_its_file_says_so(
    data: DataConfig, tmp_path: Path, worse: bool
) -> None:
    task = FineTuning(vit_config(data, "decoder"), Folder(data.images, data.labels, ("0",)))
    best = 1.0 if worse else 0.0
    sam = load_model(VIT, "cpu").sam
    same = len(task.measure(load_model(VIT, "cpu"))[HELD_OUT].objects) - 1
    before = report(best, best, best, *(0.0,) * same)
    path, comparison = finish(task, sam, tmp_path / "run", {HELD_OUT: before}, 4)
    assert path.name == ("model-worse.safetensors" if worse else "model.safetensors")
    assert [p.name for p in sorted((tmp_path / "run").glob("*.safetensors"))] == [path.name]
    told = json.loads((tmp_path / "run" / "comparison.json").read_text())
    assert told["worse"] is worse is comparison.worse
    assert told["sets"][HELD_OUT]["before"]["point"] == best
    assert told["settings"]["held_out"] == ["0"]
    assert (tmp_path / "run" / "held-out.png").is_file()


def test_measure_when_the_held_out_images_show_no_object_then_says_so(data: DataConfig) -> None:
    tifffile.imwrite(data.labels[0] / "0.tif", np.zeros((64, 96), np.uint16))
    task = FineTuning(vit_config(data, "decoder"), Folder(data.images, data.labels, ("0",)))
    with pytest.raises(DataError, match="no objects"):
        task.measure(load_model(VIT, "cpu"))


def test_plan_when_nothing_is_said_then_suits_the_model_and_leaves_held_out_images_alone(
    data: DataConfig, small: object
) -> None:
    vit = plan(load_model(VIT, "cpu"), VIT, data)
    assert (vit.config.tune, vit.config.fixed_norms) == ("decoder", True)
    assert not set(vit.config.data[0].stems) & set(vit.held_out.stems)
    seen = plan(load_model(VIT, "cpu"), VIT, replace(data, channels=(1,)))
    assert seen.config.data[0].channels == seen.held_out.channels == (1,)
    tiny = plan(small, VIT, data, minutes=2.0)  # type: ignore[arg-type]
    assert (tiny.config.tune, tiny.minutes) == ("all", 2.0)
    assert tiny.config.steps > vit.config.steps
    assert plan(small, VIT, data, steps=7).minutes is None  # type: ignore[arg-type]
    axons, fibres, cells = (Folder(Path(each), (Path(kind),)) for each, kind in ("ax", "af", "bc"))
    measured = plan(load_model(VIT, "cpu"), VIT, data, others=(axons, fibres, cells)).sets()
    assert list(measured) == [HELD_OUT, "a (x)", "a (f)", "b"]


def test_learning_rate_when_time_runs_out_then_falls_to_nothing(data: DataConfig) -> None:
    config = vit_config(data, "all", steps=1000)
    rates = [learning_rate(config, 10, left) / config.learning_rate for left in (1.0, 0.5, 1 / 6, 0.0)]
    assert rates == pytest.approx([1, 1, 0.5, 0])


def test_train_when_the_time_is_over_then_ends_and_saves_also_when_resumed(
    data: DataConfig, tmp_path: Path
) -> None:
    rows: list[dict[str, float]] = []
    config, state = vit_config(data, "decoder", steps=1000), tmp_path / "state.pt"
    train(config, tmp_path, minutes=1e-6, report=rows.append)
    assert len(rows) == 1
    assert Clock(None).left() == 1
    held = torch.load(state, weights_only=True)
    torch.save({**held, "seconds": 3600.0}, state)
    train(config, tmp_path, minutes=60, resume=True, report=rows.append)
    assert len(rows) == 1  # there is no time for another step
    task = FineTuning(replace(config, steps=0), Folder(data.images, data.labels))
    assert task.learn(tmp_path, resume=True)[1] == 1


def test_plan_when_the_start_model_has_learnt_from_some_images_then_only_others_are_held_out(
    data: DataConfig, tmp_path: Path
) -> None:
    few = replace(data, stems=("0", "1", "2"))
    start, model = VIT, load_model(VIT, "cpu")
    for chosen in (few, data):  # a first round, and a second one of more images
        seen = {stem for stem in "012345" if digest(data.images / f"{stem}.png") in learnt_by(start)}
        for seed in range(9):
            assert not seen & set(plan(model, start, chosen, steps=0, seed=seed).held_out.stems)
        task = plan(model, start, chosen, steps=0)
        seen |= {*task.config.data[0].stems}
        start, _ = finish(task, model.sam, tmp_path / str(len(seen)), task.measure(model), 0)
        assert learnt_by(start) == {
            digest(data.images / f"{stem}.png") for stem in seen | {*task.config.data[0].stems}
        }
    with pytest.raises(DataError, match="learnt from all labelled images"):
        hold_out(data, 0, digests(data), {digest(image) for image in data.images.iterdir()})
