"""What a training run can be repeated from: its settings, code and data, written beside its weights."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pooch
import torch

import napari_sam
from napari_sam.files.writing import write_text

from .config import DataConfig, TrainConfig
from .samples import paired_levels

NAME = "run.json"


def record_start(path: Path, config: TrainConfig, step: int) -> None:
    """Add how a run starts, or goes on from a step, to a JSON file; a list, the first start first."""
    starts = json.loads(path.read_text(encoding="utf-8")) if step and path.exists() else []
    write_text(path, json.dumps([*starts, described(config, step)], indent=1) + "\n")


def described(config: TrainConfig, step: int) -> dict[str, Any]:
    """Describe the code, settings and data of a run; sets are told by what their files hold, not where."""
    settings = {k: v for k, v in asdict(config).items() if k not in ("data", "validation", "init")}
    init = None if config.init is None else config.init.name
    if config.init is not None and config.init.is_file():
        init = f"{init}, SHA-256 {pooch.file_hash(str(config.init), alg='sha256')}"
    return {
        "step": step,
        "napari_sam": napari_sam.__version__,
        "commit": commit(),
        "torch": torch.__version__,
        "init": init,
        "settings": settings,
        "data": [described_set(entry) for entry in config.data],
        "validation": [described_set(entry) for entry in config.validation],
    }


def described_set(entry: DataConfig) -> dict[str, Any]:
    """Say which files a set is made of: how many images, and a SHA-256 over all names and contents."""
    pairs = paired_levels(entry.images, entry.labels, entry.stems)
    every = hashlib.sha256()
    for image, labels in pairs:
        for file in (image, *labels):
            content = pooch.file_hash(str(file), alg="sha256")
            every.update(f"{file.parent.name}/{file.name} {content}\n".encode())
    return {
        "images": "/".join(entry.images.parts[-3:]),
        "labels": ["/".join(folder.parts[-3:]) for folder in entry.labels],
        "weight": entry.weight,
        "partial": entry.partial,
        "channels": entry.channels,
        "count": len(pairs),
        "sha256": every.hexdigest(),
    }


def commit() -> str | None:
    """Return the commit of the code, with a plus where files are changed; None outside its repository."""
    folder = Path(__file__).parent
    try:
        if not _git(folder, "ls-files", __file__):  # installed inside somebody else's repository
            return None
        return _git(folder, "rev-parse", "HEAD") + ("+" if _git(folder, "status", "-s", "-uno", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    """Return what git says in a folder."""
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
