from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_sam.training.distributed import Group, own_device, processes, writes

CONFIG = """
steps = 3
dense_steps = 1
crops = 1
prompts_per_crop = 2
crop_size = 64
warmup = 1
save_every = 1
precision = "float32"
validate_every = 3
validation_images = 1
validation_limit = 1
[[data]]
images = "dsb2018/images"
labels = "dsb2018/labels"
[[validation]]
images = "dsb2018/images"
labels = "dsb2018/labels"
"""
PROCESS = """
import sys
from pathlib import Path

import torch
from torch import nn

from napari_sam.training.config import TrainConfig
from napari_sam.training.distributed import training_group
from napari_sam.training.loop import train


def main() -> None:
    config, data, out = (Path(text) for text in sys.argv[1:])
    known = nn.Module()
    for name in ("every", "first", "none"):
        known.register_parameter(name, nn.Parameter(torch.zeros(2)))
    with training_group(torch.device("cpu")) as group:
        known.every.grad = torch.full((2,), float(group.rank))
        if group.first:
            known.first.grad = torch.ones(2)
        group.average_gradients(known)
        shared = group.share_number(float(group.rank + 5), torch.device("cpu"))
        gradients = [known.every.grad, known.first.grad, known.none.grad]
        state = train(TrainConfig.from_toml(config, data), out).state_dict()
    seen = {"gradients": gradients, "shared": shared, "state": state}
    torch.save(seen, out / f"process-{group.rank}.pt")


if __name__ == "__main__":  # from Python 3.14 on, processes that make batches import it
    main()
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, data_folder: Path) -> Path:
    """Train a few steps with two processes and return the run's folder."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "config.toml").write_text(CONFIG)
    (folder / "process.py").write_text(PROCESS)
    typed = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    typed += [str(folder / name) for name in ("process.py", "config.toml")]
    command = [*typed, str(data_folder), str(folder / "run")]
    done = subprocess.run(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "run"


def test_train_when_two_processes_share_a_run_then_both_end_with_the_same_weights(run: Path) -> None:
    first, second = (torch.load(run / f"process-{rank}.pt", weights_only=True)["state"] for rank in (0, 1))
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
        assert torch.isfinite(value).all(), name


def test_train_when_two_processes_share_a_run_then_the_first_alone_writes(run: Path) -> None:
    with (run / "curve.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["0", "2"]
    assert np.isfinite([float(row["dense"]) for row in rows]).all()
    assert len((run / "scores.csv").read_text().splitlines()) == 2
    assert int(torch.load(run / "state.pt", weights_only=True)["step"]) == 3


def test_average_gradients_when_processes_differ_then_means_and_what_none_has_stays_none(run: Path) -> None:
    for rank in (0, 1):
        seen = torch.load(run / f"process-{rank}.pt", weights_only=True)
        every, first, none = seen["gradients"]
        assert every.tolist() == first.tolist() == [0.5, 0.5]
        assert none is None
        assert seen["shared"] == 5


def test_group_when_there_is_one_process_then_it_writes_and_nothing_is_exchanged() -> None:
    group, layer = Group(), torch.nn.Linear(2, 2)
    layer(torch.ones(1, 2)).sum().backward()
    before = [parameter.grad for parameter in layer.parameters()]
    group.share_start(layer)
    group.share_buffers(layer)
    group.average_gradients(layer)
    assert all(parameter.grad is grad for parameter, grad in zip(layer.parameters(), before, strict=True))
    assert group.first
    assert group.share_number(0.25, torch.device("cpu")) == 0.25


def test_own_device_when_torchrun_says_the_local_rank_then_each_process_has_its_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (processes(), writes()) == (1, True)
    for name, value in (("LOCAL_RANK", "3"), ("RANK", "11"), ("WORLD_SIZE", "16")):
        monkeypatch.setenv(name, value)
    assert own_device(torch.device("cuda")) == torch.device("cuda:3")
    assert own_device(torch.device("cuda:0")) == torch.device("cuda:0")
    assert own_device(torch.device("cpu")) == torch.device("cpu")
    assert (processes(), writes()) == (16, False)
