"""What a measurement found: a score for every object, and means over kinds of images and sizes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

MEASURES = ("point", "best_of_three", "box", "corrections_1", "corrections_3", "iou_error")
LEVEL_MEASURES = ("outer", "all_levels")
OCTAVES = (5, 10, 20, 40, 80, 160, 320)


@dataclass(frozen=True)
class ObjectScore:
    """What one annotated object's prompts gave, as IoU with the annotation.

    Attributes
    ----------
    image : str
        The image's stem.
    kind : str
        Its kind by appearance.
    label : int
    diameter : float
        Of a circle of the object's area, in pixels.
    point : float
        One click at the deepest point, suggested mask.
    best_of_three : float
        The same click, best of the three masks.
    box : float
        A box whose corners moved by up to 10 % of its sides, suggested mask.
    corrections_1, corrections_3 : float
        The click and one or three corrections, each at the deepest point of the largest error.
    iou_error : float
        Predicted IoU of the suggested mask at one click, less the true one, without its sign.
    outer : tuple of float
        At the same click, the best of the three masks for the object of each coarser level there.
    all_levels : float, optional
        1 if every level has a mask of its own among the three with an IoU of at least 0.75, in the
        order of size, else 0; none where only one level is annotated.
    """

    image: str
    kind: str
    label: int
    diameter: float
    point: float
    best_of_three: float
    box: float
    corrections_1: float
    corrections_3: float
    iou_error: float
    outer: tuple[float, ...] = ()
    all_levels: float | None = None


@dataclass(frozen=True)
class ImageScore:
    """How well the dense head and a plain watershed find all objects of one image.

    Attributes
    ----------
    image, kind : str
    dense_precision : float
        Average precision, mean of the IoU thresholds 0.50 to 0.95.
    """

    image: str
    kind: str
    dense_precision: float


@dataclass(frozen=True)
class AutomaticScore:
    """How well a method finds all objects of one image without prompts.

    Attributes
    ----------
    image, kind : str
    method : str
        "auto", "watershed" (the dense head without the decoder) or "grid".
    precision : float
        Average precision, TP / (TP + FP + FN), mean of the IoU thresholds 0.50 to 0.95.
    f1 : float
        At an IoU of 0.5.
    """

    image: str
    kind: str
    method: str
    precision: float
    f1: float


@dataclass(frozen=True)
class Report:
    """Scores of every measured object and image, and their means.

    Attributes
    ----------
    model, weights_hash : str
    objects : tuple of ObjectScore
    images : tuple of ImageScore
        None for a model without a dense head.
    automatic : tuple of AutomaticScore
        None unless asked for.
    failed : dict
        Why images could not be measured, by their names.
    empty : tuple of str
        Names of the images whose labels show no object.
    """

    model: str
    weights_hash: str
    objects: tuple[ObjectScore, ...]
    images: tuple[ImageScore, ...] = ()
    automatic: tuple[AutomaticScore, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    empty: tuple[str, ...] = ()

    def means(self, objects: Iterable[ObjectScore] | None = None) -> dict[str, float]:
        """Average every measure over some objects, or all; those of levels where there are several."""
        chosen = list(self.objects if objects is None else objects)
        means = {name: float(np.mean([getattr(o, name) for o in chosen])) for name in MEASURES if chosen}
        nested = [o for o in chosen if o.all_levels is not None]
        if nested:
            means["outer"] = float(np.mean([iou for o in nested for iou in o.outer]))
            means["all_levels"] = float(np.mean([o.all_levels for o in nested]))
        return means

    def groups(self) -> dict[str, list[ObjectScore]]:
        """Group the objects by kind of image and by octave of diameter."""
        groups: dict[str, list[ObjectScore]] = {}
        for score in self.objects:
            octave = max((o for o in OCTAVES if o <= score.diameter), default=0)
            groups.setdefault(score.kind, []).append(score)
            groups.setdefault(f"{octave:03d} px and more", []).append(score)
        return dict(sorted(groups.items()))

    def dense_means(self) -> dict[str, float]:
        """Return the mean precision of the dense head over all images, and over those of each kind."""
        kinds: dict[str, list[float]] = {"all": [each.dense_precision for each in self.images]}
        for each in sorted(self.images, key=lambda image: image.kind):
            kinds.setdefault(each.kind, []).append(each.dense_precision)
        return {kind: float(np.mean(values)) for kind, values in kinds.items() if values}

    def automatic_means(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return the mean precision and F1 of each method, over all images and over those of each kind."""
        means: dict[str, dict[str, dict[str, float]]] = {}
        if not self.automatic:
            return means
        for kind in ("all", *sorted({each.kind for each in self.automatic})):
            for method in dict.fromkeys(each.method for each in self.automatic):
                chosen = [a for a in self.automatic if a.method == method and kind in ("all", a.kind)]
                means.setdefault(kind, {})[method] = {
                    "images": len(chosen),
                    "precision": float(np.mean([each.precision for each in chosen])),
                    "f1": float(np.mean([each.f1 for each in chosen])),
                }
        return means

    def to_json(self) -> str:
        """Return means, groups and every object's scores as JSON."""
        groups = {name: {"objects": len(g), **self.means(g)} for name, g in self.groups().items()}
        values: dict[str, Any] = {
            "model": self.model,
            "weights_hash": self.weights_hash,
            "failed": dict(self.failed),
            "objects": len(self.objects),
            "mean": self.means(),
            "groups": groups,
            "dense_precision": self.dense_means(),
            "images": [asdict(image) for image in self.images],
            "automatic": self.automatic_means(),
            "automatic_images": [asdict(each) for each in self.automatic],
            "scores": [asdict(score) for score in self.objects],
        }
        return json.dumps(values, indent=1)

    def to_table(self) -> str:
        """Return the means as a table, a line for all objects and for each group."""
        rows = [("all", list(self.objects)), *self.groups().items()]
        columns = [name for name in (*MEASURES, *LEVEL_MEASURES) if name in self.means()]
        head = f"{'':24}{'objects':>8}" + "".join(f"{name:>15}" for name in columns)
        lines = [head]
        for name, group in rows:
            means = self.means(group)
            cells = [f"{means[column]:15.3f}" if column in means else f"{'':15}" for column in columns]
            lines.append(f"{name:24}{len(group):8d}" + "".join(cells).rstrip())
        if self.images:
            lines += ["", f"{'':24}{'images':>8}{'dense AP':>15}"]
        for kind, mean in self.dense_means().items():
            count = sum(kind in ("all", image.kind) for image in self.images)
            lines.append(f"{kind:24}{count:8d}{mean:15.3f}")
        failed = ["", f"{'failed':24}{len(self.failed):8d}"] if self.failed else []
        return "\n".join([*lines, *self._automatic_lines(), *failed])

    def _automatic_lines(self) -> list[str]:
        means = self.automatic_means()
        if not means:
            return []
        columns = [(method, measure) for method in means["all"] for measure in ("precision", "f1")]
        titles = (f"{method} {'AP' if measure == 'precision' else 'F1'}" for method, measure in columns)
        lines = ["", f"{'':24}{'images':>8}" + "".join(f"{title:>15}" for title in titles)]
        for kind, methods in means.items():
            cells = "".join(f"{methods[method][measure]:15.3f}" for method, measure in columns)
            lines.append(f"{kind:24}{next(iter(methods.values()))['images']:8.0f}{cells}")
        return lines
