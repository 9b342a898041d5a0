"""A training run's settings, read from one TOML file."""

from __future__ import annotations

import math
import sys
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from napari_sam.errors import DataError

CHOICES = {"tune": ("all", "decoder", "lora"), "precision": ("bfloat16", "float32")}
"""Settings that are one of a few words."""
COUNTS = ("crops", "prompts_per_crop", "views", "save_every")
"""Whole numbers that are 1 at least; the others may be 0."""
SHARES = ("any_scale_share", "synthetic", "ema")
"""Numbers that are 1 at most."""
STRIDE = 32
"""A crop's side is a multiple of the encoder's coarsest stride."""


@dataclass(frozen=True)
class DataConfig:
    """One annotated set.

    Attributes
    ----------
    images : Path
        Folder of images.
    labels : tuple of Path
        Folder of labels with the same stems; several, the finest first, where objects are nested.
    weight : float
        How often the set is drawn from.
    partial : bool
        Whether there are objects that the labels do not show.
    stems : tuple of str
        Names of the images to take, without their endings, or of planes, such as "stack [3]"; none for all.
    channels : tuple of int
        Which channels are seen, of which the first is 0; none for all.
    """

    images: Path
    labels: tuple[Path, ...]
    weight: float = 1.0
    partial: bool = False
    stems: tuple[str, ...] = ()
    channels: tuple[int, ...] = ()


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a training run.

    Attributes
    ----------
    data, validation : tuple of DataConfig
        Sets to learn from, and to measure the finished model on.
    model : str
        Name of an architecture, to start without weights.
    init : Path, optional
        Weights to start from, or their name.
    tune : "all", "decoder" or "lora"
        What learns: everything, the prompt encoder and mask decoder, or the mask decoder and low-rank
        adapters of a ViT's attention.
    fixed_norms : bool
        Whether batch normalisation keeps the statistics of `init`.
    seed, steps, dense_steps, save_every : int
        `dense_steps` at the start train the dense head alone.
    crops, prompts_per_crop, crop_size : int
        A step's crops, the prompts in each, and a crop's side in input pixels.
    views : int
        Crops of a step that show the same generated scene, each in its own way: scenes cost ten times
        what their crops do.
    workers : int
        Processes that make batches ahead; what they make does not depend on their number.
    diameters, any_diameters : (float, float)
        Crops are scaled so that the image's median object is this many pixels across;
        `any_scale_share` of them use the second range.
    scale_limits : (float, float)
        Input pixels per data pixel.
    aspect : float
        Spread of the logarithm of a crop's stretching.
    synthetic : float
        Share of the crops that are generated scenes.
    corrections : tuple of int
        Numbers of corrective rounds to draw from, every other step.
    learning_rate, weight_decay, clip, ema : float
    warmup, decay : int
        Steps until the learning rate is at its height, and those of its fall to zero at the end,
        when batch normalisation no longer changes. `steps` may grow while a run has not come there.
    rating_prompts : int
        Prompts from which the finished network learns to compare candidates of several scales; 0 for not.
    precision : "bfloat16" or "float32"
    validate_every, validation_limit, validation_images : int
        Steps from one look at the validation sets to the next, 0 for none; most objects of an image
        and most images of a set that are looked at.
    """

    data: tuple[DataConfig, ...]
    validation: tuple[DataConfig, ...] = ()
    model: str = "cell-tiny"
    init: Path | None = None
    tune: Literal["all", "decoder", "lora"] = "all"
    fixed_norms: bool = False
    seed: int = 0
    steps: int = 4000
    dense_steps: int = 300
    save_every: int = 100
    crops: int = 4
    prompts_per_crop: int = 12
    crop_size: int = 256
    views: int = 1
    workers: int = 1
    diameters: tuple[float, float] = (12.0, 64.0)
    any_diameters: tuple[float, float] = (3.5, 160.0)
    any_scale_share: float = 0.6
    scale_limits: tuple[float, float] = (0.125, 4.0)
    aspect: float = 0.12
    synthetic: float = 0.0
    corrections: tuple[int, ...] = (1, 1, 1, 2, 2, 3, 4, 8)
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.02
    clip: float = 1.0
    ema: float = 0.998
    warmup: int = 100
    decay: int = 1200
    rating_prompts: int = 3000
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    validate_every: int = 0
    validation_limit: int = 6
    validation_images: int = 8

    def __post_init__(self) -> None:
        if not self.data:
            raise DataError("The training configuration names no [[data]]; give at least one set.")
        weights = [each.weight for each in self.data]
        if not (min(weights) >= 0 and 0 < sum(weights) < math.inf):
            raise DataError(
                "A set's weight is below 0 or no number, or all are 0; give how often each is drawn from."
            )
        for field in fields(self):
            value = getattr(self, field.name)
            if what := _wanted(field.name, value, field.default):
                raise DataError(f"The setting {field.name} is {value!r}; give {what}.")

    @property
    def decay_start(self) -> int:
        """The step at which the learning rate begins to fall: after two thirds of the run, or later."""
        return self.steps - min(self.decay, self.steps // 3)

    @classmethod
    def from_toml(cls, path: Path, data_root: Path | None = None) -> TrainConfig:
        """Read a configuration; relative folders start at `data_root`, or at the file's folder.

        Raises
        ------
        DataError
            If the file is missing, is no TOML, or holds unknown settings.
        """
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"{path} cannot be read as a training configuration: {error}.") from error
        unknown = set(values) - {f.name for f in fields(cls)}
        if unknown:
            raise DataError(f"{path.name} has unknown settings {sorted(unknown)}; remove or rename them.")
        root = data_root or path.parent
        for name in ("data", "validation"):
            entries = values.get(name, [])
            sets = entries if isinstance(entries, list) else [entries]
            values[name] = tuple(_data_config(entry, root, path) for entry in sets)
        if "init" in values:
            named = Path(str(values["init"]))
            file = root / named
            values["init"] = file if file.suffix or file.is_file() else named
        settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**settings)


def _wanted(name: str, value: Any, default: Any) -> str:
    """Return what a setting should be; nothing if it is."""
    if name in CHOICES:
        return "" if value in CHOICES[name] else f"one of {', '.join(CHOICES[name])}"
    if name == "crop_size" and isinstance(value, int):
        return "" if value > 0 and value % STRIDE == 0 else f"a multiple of {STRIDE}"
    match default:
        case bool():
            return "" if isinstance(value, bool) else "true or false"
        case int():
            least = int(name in COUNTS)
            return "" if _is_whole(value, least) else f"a whole number, {least} or more"
        case float():
            most = 1 if name in SHARES else sys.float_info.max
            fits = _is_number(value) and 0 <= value <= most
            return "" if fits else f"a number of 0 {'to 1' if name in SHARES else 'or more'}"
        case (float(), float()):
            pair = isinstance(value, tuple) and len(value) == 2 and all(map(_is_number, value))
            ranged = pair and 0 < value[0] <= value[1] < math.inf
            return "" if ranged else "two numbers above 0, the smaller one first"
        case str():
            return "" if isinstance(value, str) else "a name in quotes"
        case (int(), *_):
            whole = isinstance(value, tuple) and value and all(_is_whole(v, 0) for v in value)
            return "" if whole else "whole numbers, 0 or more"
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= sys.maxsize


def _data_config(entry: Any, root: Path, path: Path) -> DataConfig:
    known = {field.name for field in fields(DataConfig)}
    if not isinstance(entry, dict) or not {"images", "labels"} <= entry.keys() <= known:
        raise DataError(
            f"A set in {path.name} needs images and labels, and may have weight, partial, stems and channels;"
            " write it below a line of its own, [[data]] or [[validation]]."
        )
    said: dict[str, Any] = {
        name: [value] if name in ("labels", "stems") and isinstance(value, str) else value
        for name, value in entry.items()
    }
    for name, value in said.items():
        if what := _wanted_of_set(name, value):
            raise DataError(f"The setting {name} of a set in {path.name} is {entry[name]!r}; give {what}.")
    return DataConfig(
        root / said["images"],
        tuple(root / name for name in said["labels"]),
        said.get("weight", 1.0),
        said.get("partial", False),
        tuple(said.get("stems", ())),
        tuple(said.get("channels", ())),
    )


def _wanted_of_set(name: str, value: Any) -> str:
    """Return what a setting of a set should be; nothing if it is."""
    every = value if isinstance(value, list) else []
    match name:
        case "images":
            return "" if isinstance(value, str) else "the folder of the images"
        case "labels":
            folders = every and all(isinstance(v, str) for v in every)
            return "" if folders else "the folder of the labels, or several in brackets"
        case "weight":
            return "" if _is_number(value) else "a number"
        case "partial":
            return "" if isinstance(value, bool) else "true or false"
        case "stems":
            named = value == [] or (every and all(isinstance(v, str) for v in every))
            return "" if named else "names of images, in brackets"
    whole = value == [] or (every and all(_is_whole(v, 0) for v in every))
    return "" if whole else "whole numbers in brackets, of which the first channel is 0"
