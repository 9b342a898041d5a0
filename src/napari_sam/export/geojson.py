"""GeoJSON as QuPath reads and writes it: one feature an object, in pixels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam.errors import DataError

from .reading import Contents, axes_of, numbered, parsing, tightly, whole_number
from .regions import Region, Shape
from .rings import Ring, filled, outline
from .space import USUAL, Space, stacked_axes

WITHOUT_AREA = ("Point", "MultiPoint", "LineString", "MultiLineString")
"""Kinds of geometry that outline no object, and lie beside those that do."""


def write_geojson(path: Path, regions: Sequence[Region], shape: Shape, space: Space | None = None) -> None:
    """Write objects as detections; a stack's axis is z unless its space says another one.

    Raises
    ------
    DataError
        If there are more than three axes before (Y, X), which QuPath has no place for.
    """
    if len(shape) not in USUAL:
        raise DataError(f"GeoJSON has no place for {len(shape)} axes; export planes, or use COCO JSON.")
    axes = stacked_axes(space, shape)
    content = {"type": "FeatureCollection", "features": [_feature(region, axes) for region in regions]}
    path.write_text(json.dumps(content), encoding="utf-8")


def _feature(region: Region, axes: Mapping[str, int]) -> dict[str, Any]:
    polygons = [[ring.tolist() for ring in polygon] for polygon in outline(region)]
    one = len(polygons) == 1
    geometry: dict[str, Any] = {
        "type": "Polygon" if one else "MultiPolygon",
        "coordinates": polygons[0] if one else polygons,
    }
    if region.plane:
        place = {axis: region.plane[index] for axis, index in axes.items()}
        geometry["plane"] = {"c": -1, "z": 0, "t": 0, **place}
    measured: dict[str, float] = {"area px^2": region.area}
    if region.iou_prediction is not None:
        measured["predicted IoU"] = region.iou_prediction
    properties: dict[str, Any] = {
        "objectType": "detection",
        "name": str(region.id),
        "measurements": measured,
        "label": region.id,
        "dimensions": len(axes.keys() - {"c"}),
    }
    if region.category:
        properties["classification"] = {"name": region.category}
    told = {"model": region.model, "note": region.note}
    if any(told.values()):
        properties["metadata"] = {name: text for name, text in told.items() if text}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def read_geojson(path: Path, axes: int) -> Contents:
    """Read objects, and the smallest image that holds them, as the file does not say how large it was.

    Points and lines beside them are passed over.

    Parameters
    ----------
    path : Path
    axes : int
        How many axes before (Y, X) the image has at least.

    Raises
    ------
    DataError
        If the file holds no polygons.
    """
    with parsing(f"{path.name} is no GeoJSON with polygons", "export it again"):
        features = _outlined(path)
        places = [_place(feature) for feature in features]
        used = axes_of(places, max([axes, *map(_axes_told, features)]))
        planes = (tuple(place[axis] for axis in used) for place in places)
        regions = numbered(map(_region, features, planes))
    return tightly(regions, used)


def _outlined(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file that have an outline."""
    everything = _features(json.loads(path.read_text(encoding="utf-8-sig")))
    features = [feature for feature in everything if _has_area(feature)]
    if everything and not features:
        raise ValueError("it holds points or lines alone")
    return features


def _features(content: Any) -> list[dict[str, Any]]:
    """Return the objects of a file, which may also be a list of them, one alone, or only its outline."""
    if isinstance(content, list):
        return content
    if "features" in content:
        return list(content["features"])
    if content["type"] == "Feature":
        return [content]
    return [{"geometry": each} for each in content.get("geometries", [content])]


def _has_area(feature: dict[str, Any]) -> bool:
    geometry = feature.get("geometry")
    return geometry is not None and geometry["type"] not in WITHOUT_AREA


def _place(feature: dict[str, Any]) -> tuple[int, int]:
    """Return an object's position (t, z), which QuPath leaves out where both are 0."""
    plane = feature["geometry"].get("plane") or {}
    return max(int(plane.get("t", 0)), 0), max(int(plane.get("z", 0)), 0)


def _axes_told(feature: dict[str, Any]) -> int:
    """Return how many axes before (Y, X) the image has by what we wrote; 0 for objects of QuPath."""
    return int(_properties(feature).get("dimensions") or 0)


def _properties(feature: dict[str, Any]) -> dict[str, Any]:
    return feature.get("properties") or {}


def _category(said: dict[str, Any] | str) -> str:
    """Return a class, which QuPath writes as several names if it is one of another."""
    if isinstance(said, str):
        return said
    return said.get("name") or ": ".join(said.get("names") or ())


def _region(feature: dict[str, Any], plane: tuple[int, ...]) -> Region | None:
    properties = _properties(feature)
    found = filled(_rings(feature["geometry"]))
    if found is None:
        return None
    measured = properties.get("measurements", {})
    told = {**properties, **(properties.get("metadata") or {})}  # which older files do not have
    return Region(
        whole_number(properties.get("label") or properties.get("name")),  # of which QuPath keeps the name
        plane,
        *found,
        category=_category(properties.get("classification") or {}),
        iou_prediction=measured.get("predicted IoU") if isinstance(measured, dict) else None,
        model=str(told.get("model") or ""),
        note=str(told.get("note") or ""),
    )


def _rings(geometry: dict[str, Any]) -> list[Ring]:
    """Return the rings of an object, of which programs leave some empty, or put lines beside its polygons."""
    kind = geometry["type"]
    if kind == "GeometryCollection":
        return [ring for each in geometry["geometries"] for ring in _rings(each)]
    if kind in WITHOUT_AREA:
        return []
    places = geometry["coordinates"]
    polygons = {"Polygon": [places], "MultiPolygon": places}[kind]
    return [np.asarray(ring, float)[:, :2] for polygon in polygons for ring in polygon if ring]
