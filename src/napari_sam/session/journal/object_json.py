"""Objects as plain JSON values, for journals."""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as rle

from napari_sam.predict import Frame, MaskPrompt, Prompts

from ..objects import Object

Values = dict[str, Any]
PLAIN = (
    "id", "choice", "suggested", "level", "iou_prediction", "score", "model", "weights_hash", "device",
    "precision", "software", "normalization", "made", "author", "category", "note",
)  # fmt: skip
"""Attributes of an object that are JSON values already."""


def as_json(each: Object) -> Values:
    """Return an object as plain JSON values, its mask run-length encoded as COCO does."""
    counts: Any = rle.encode(np.asfortranarray(each.mask.astype(np.uint8)))["counts"]
    return {
        **{name: getattr(each, name) for name in PLAIN},
        "plane": list(each.plane),
        "origin": list(each.origin),
        "mask": {"size": list(each.mask.shape), "counts": bytes(counts).decode("ascii")},
        "prompts": None if each.prompts is None else prompts_as_json(each.prompts),
    }


def from_json(values: Values) -> Object:
    """Return the object that `as_json` wrote; what an older version did not know stays unknown."""
    kept: Any = {**values["mask"], "counts": values["mask"]["counts"].encode("ascii")}
    known = {name: values[name] for name in PLAIN if name in values}
    return Object(
        **{**known, "id": int(values["id"])},  # of uint64 labels it was once a float
        plane=tuple(values["plane"]),
        origin=(values["origin"][0], values["origin"][1]),
        mask=rle.decode(kept).astype(bool),
        prompts=None if values["prompts"] is None else _prompts(values["prompts"]),
    )


def prompts_as_json(prompts: Prompts) -> Values:
    """Return prompts as plain JSON values."""
    return {
        "points": prompts.positions.tolist(),
        "point_labels": prompts.labels.tolist(),
        "box": None if prompts.box is None else list(prompts.box),
        "mask": _mask_as_json(prompts.mask),
    }


def _prompts(values: Values) -> Prompts:
    box = None if values["box"] is None else tuple(values["box"])
    return Prompts(values["points"], values["point_labels"], box, _mask(values["mask"]))


def _mask_as_json(mask: MaskPrompt | NDArray[np.floating] | None) -> Values | None:
    """Return the logits that a prompt began with, packed, and the frame they cover."""
    if mask is None:
        return None
    logits = np.asarray(mask.logits if isinstance(mask, MaskPrompt) else mask, np.float32)
    packed = b64encode(zlib.compress(logits.tobytes())).decode("ascii")
    frame = asdict(mask.frame) if isinstance(mask, MaskPrompt) else None
    return {"logits": packed, "size": list(logits.shape), "frame": frame}


def _mask(values: Values | None) -> MaskPrompt | NDArray[np.float32] | None:
    if values is None:
        return None
    logits = np.frombuffer(zlib.decompress(b64decode(values["logits"])), np.float32)
    logits = logits.reshape(values["size"])
    return MaskPrompt(logits, Frame(**values["frame"])) if values["frame"] else logits
