"""A look at a model while it is trained: scores on the validation sets, and a contact sheet."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch

from napari_sam.files.writing import write_picture
from napari_sam.model import Sam
from napari_sam.weights import LoadedModel

from .config import DataConfig, TrainConfig
from .measuring.evaluate import evaluate
from .measuring.report import MEASURES, Report
from .measuring.sets import Folder
from .measuring.sheet import contact_sheet
from .samples import paired_levels

COLUMNS = ("step", "set", "objects", *MEASURES, "dense_precision")


class Validation:
    """Measures a network on some images of each validation set.

    Parameters
    ----------
    config : TrainConfig
        The sets, how often to look, and at how many images and objects.
    out : Path
        Folder of the run, which receives rows of ``scores.csv`` and sheets as ``sheet-STEP.png``.

    Raises
    ------
    DataError
        If a set's folder is missing.
    """

    def __init__(self, config: TrainConfig, out: Path) -> None:
        self.config, self.out = config, out
        self.folders = [spread(entry, config.validation_images) for entry in config.validation]

    def due(self, step: int) -> bool:
        """Tell whether to look after this many steps."""
        every = self.config.validate_every
        return bool(self.folders) and every > 0 and step > 0 and step % every == 0

    def look(self, sam: Sam, step: int) -> list[Report]:
        """Measure a network, which is put in evaluation mode, and write what was found.

        Parameters
        ----------
        sam : Sam
        step : int
            How many steps it was trained for.

        Returns
        -------
        list of Report
            One a set.
        """
        device = sam.pixel_mean.device
        dtype = torch.bfloat16 if self.config.precision == "bfloat16" else torch.float32
        name = f"step {step}"
        model = LoadedModel(name, sam.eval(), device, dtype, weights_hash=name)
        reports = [
            evaluate(model, folder, limit=self.config.validation_limit, seed=self.config.seed)
            for folder in self.folders
        ]
        for folder, report in zip(self.folders, reports, strict=True):
            append_scores(self.out / "scores.csv", step, str(folder.images), report)
        sheet = contact_sheet(model, self.folders, seed=self.config.seed)
        write_picture(self.out / f"sheet-{step}.png", sheet)
        return reports


def spread(entry: DataConfig, count: int) -> Folder:
    """Choose up to `count` images of a set, evenly through their names."""
    stems = [image.stem for image, _ in paired_levels(entry.images, entry.labels, entry.stems)]
    chosen = np.unique(np.linspace(0, len(stems) - 1, min(count, len(stems))).round().astype(int))
    return Folder.of(entry, tuple(stems[index] for index in chosen))


def append_scores(path: Path, step: int, name: str, report: Report) -> None:
    """Append one set's means to a CSV file, with a header when it is new."""
    values = report.means() | {"dense_precision": report.dense_means().get("all", np.nan)}
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        if new:
            writer.writeheader()
        rounded = {key: f"{value:.4f}" for key, value in values.items() if not np.isnan(value)}
        writer.writerow({"step": step, "set": name, "objects": len(report.objects), **rounded})
