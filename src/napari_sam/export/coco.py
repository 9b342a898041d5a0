"""COCO JSON with run-length masks, as Segment Anything's own data set (SA-1B) uses them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as rle

from napari_sam.errors import DataError
from napari_sam.wording import amount

from .reading import Contents, numbered, parsing, whole_number
from .regions import Region, Shape, extent, window_in
from .runs import MOST, decoded, encoded
from .space import Space

UNNAMED = "object"
"""The category of objects without a class, which COCO has no other way to tell."""


def write_coco(path: Path, regions: Sequence[Region], shape: Shape, _: Space | None = None) -> None:
    """Write objects as COCO annotations; every plane of a stack is an image of its own."""
    planes = sorted({region.plane for region in regions} | ({()} if len(shape) == 2 else set()))
    images = [
        {"id": index, "file_name": path.stem, "height": shape[-2], "width": shape[-1], "plane": list(plane)}
        for index, plane in enumerate(planes, 1)
    ]
    names = sorted({region.category or UNNAMED for region in regions})
    content = {
        "info": {"description": "objects of napari-sam", "shape": list(shape)},
        "images": images,
        "categories": [{"id": index, "name": name} for index, name in enumerate(names, 1)],
        "annotations": [
            _annotation(index, region, planes.index(region.plane) + 1, names, shape)
            for index, region in enumerate(regions, 1)
        ],
    }
    path.write_text(json.dumps(content), encoding="utf-8")


def _annotation(index: int, region: Region, image: int, names: list[str], shape: Shape) -> dict[str, Any]:
    window_in(region, shape)  # which has to be in the image
    (row, col), (height, width) = region.origin, region.mask.shape
    return {
        "id": index,
        "image_id": image,
        "category_id": names.index(region.category or UNNAMED) + 1,
        "label": region.id,
        "segmentation": {
            "size": list(shape[-2:]),
            "counts": encoded(region.origin, region.mask, *shape[-2:]),
        },
        "area": region.area,
        "bbox": [col, row, width, height],
        "iscrowd": 0,
        **({"class": UNNAMED} if region.category == UNNAMED else {}),
        **({} if region.iou_prediction is None else {"predicted_iou": region.iou_prediction}),
        **({"model": region.model} if region.model else {}),
        **({"note": region.note} if region.note else {}),
    }


def read_coco(path: Path, _: int) -> Contents:
    """Read objects and the image's shape; annotations without a mask are left out, unless all are.

    Raises
    ------
    DataError
        If the file holds no COCO annotations with masks, or several images that are no planes of a stack.
    """
    with parsing(f"{path.name} is no COCO file with masks", "export it again"):
        content = _content(path)
        names = {each["id"]: str(each["name"]) for each in content.get("categories", [])}
        images = {each["id"]: each for each in content["images"]}
        planes = {number: tuple(each.get("plane", ())) for number, each in images.items()}
        masked = [each for each in content["annotations"] if _has_mask(each)]
        if content["annotations"] and not masked:
            raise ValueError(f"{amount(len(content['annotations']), 'annotation')}, all without a mask")
        regions = numbered(_region(each, names, planes, images) for each in masked)
        shape = _shape(content, regions)
    if len(set(planes.values())) < len(planes):
        raise DataError(
            f"{path.name} holds objects of {len(planes)} images; export those of each image to a file of"
            " their own."
        )
    told, count = "", len(content["annotations"])
    if missing := count - len(masked):
        few = f"{missing} of {amount(count, 'annotation')} in {path.name}"
        told = f"left out, without a mask: {few}, which may be boxes or points"
    return Contents(regions, shape, told=told)


def _content(path: Path) -> dict[str, Any]:
    """Return what a file holds: annotations and images, as in SA-1B those of one image, or results alone.

    Results, such as those of Meta's script for automatic masks, are a list of run lengths, which tell sizes.
    """
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    if isinstance(content, list) and not content:
        raise ValueError("it is an empty list")
    if (content[0] if isinstance(content, list) else content).get("type") in ("Feature", "FeatureCollection"):
        raise DataError(f"{path.name} is GeoJSON; let its name end in .geojson.")
    if isinstance(content, list):
        sizes = {each.get("image_id", 0): each["segmentation"]["size"] for each in content}
        images = [{"id": number, "height": size[0], "width": size[1]} for number, size in sizes.items()]
        return {"annotations": content, "images": images}
    if "image" in content:
        content["images"] = [{**content["image"], "id": 0}]
    return dict(content)


def _has_mask(annotation: dict[str, Any]) -> bool:
    drawn = annotation.get("segmentation")
    return bool(_polygons(drawn) if isinstance(drawn, list) else drawn)


def _polygons(drawn: list[Any]) -> list[Any]:
    """Return an object's polygons without those of one or two points, which contours of masks may be."""
    return [each for each in drawn if len(each) > 4]


def _shape(content: dict[str, Any], regions: Sequence[Region]) -> Shape:
    """Return the shape that the file states, or that of its first image, with as many planes as it needs."""
    stated = (content.get("info") or {}).get("shape")
    if stated is None:
        first = content["images"][0]
        stated = (*extent(regions)[:-2], first["height"], first["width"])
    return tuple(int(side) for side in stated)


def _drawn(polygons: list[Any], height: int, width: int) -> Any:
    """Return the run lengths of an object's polygons, which cover the pixels that pycocotools says.

    Raises
    ------
    ValueError
        If one is no polygon, or lies far outside the image: pycocotools checks nothing.
    """
    if height * width >= MOST:
        raise ValueError("polygons in an image that is too large for them")
    for polygon in polygons:
        places = np.asarray(polygon, float)
        if len(places) % 2 or not (np.abs(places) < 2 * max(height, width)).all():
            raise ValueError("an annotation with a polygon that is none, or lies outside the image")
    return rle.merge(rle.frPyObjects(polygons, height, width))


def _region(
    each: dict[str, Any],
    names: dict[int, str],
    planes: dict[int, tuple[int, ...]],
    images: dict[int, dict[str, Any]],
) -> Region | None:
    """Return one annotation's object."""
    kept = each["segmentation"]
    if isinstance(kept, list):
        image = images[each["image_id"]]
        kept = _drawn(_polygons(kept), int(image["height"]), int(image["width"]))
    found = decoded(kept["counts"], *map(int, kept["size"]))
    if found is None:
        return None
    name = names.get(each.get("category_id", 0), "")
    return Region(
        whole_number(each.get("label")),
        planes.get(each.get("image_id", 0), ()),
        *found,
        category=str(each.get("class", "")) if name == UNNAMED else name,
        iou_prediction=each.get("predicted_iou"),
        model=str(each.get("model") or ""),
        note=str(each.get("note") or ""),
    )
