"""A contact sheet: what a model makes of one click in each of some objects, beside the truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from napari_sam.masks import filled
from napari_sam.predict import Candidates, Predictor, Prompts
from napari_sam.tiles import CAPTION, COLUMNS, TILE, arranged, enlarged
from napari_sam.weights import LoadedModel

from ..samples import Sample
from .evaluate import candidate_ious, chosen_labels, deepest_point
from .report import ObjectScore, Report
from .sets import Folder, Scenes

Mask = NDArray[np.bool_]
Colour = tuple[int, int, int]
ROOM = 0.6
"""Image shown around an object on all sides together, in shares of its longest side."""
TRUTH: Colour = (255, 255, 255)
COLOURS: tuple[Colour, ...] = ((86, 180, 233), (255, 176, 0), (232, 72, 155))


def contact_sheet(
    model: LoadedModel, annotated: Sequence[Folder | Scenes], *, limit: int = 2, seed: int = 0
) -> Image.Image:
    """Draw a tile for some objects of every image: truth in white, three candidates in colours.

    The line below a tile gives each candidate's IoU in its colour, the suggested one with a star.

    Parameters
    ----------
    model : LoadedModel
    annotated : sequence of Folder or Scenes
    limit : int
        Most objects an image, drawn at random.
    seed : int
        For the drawing.
    """
    predictor = Predictor(model)
    tiles = []
    for folder in annotated:
        for number in range(len(folder)):
            image, sample = folder[number]
            labels = chosen_labels(sample.labels, limit, np.random.default_rng([seed, number]))
            tiles.extend(clicked(predictor, image, sample, labels))
    return arranged(tiles)


def failure_sheet(
    model: LoadedModel, annotated: Folder | Scenes, report: Report, *, count: int = 2 * COLUMNS
) -> Image.Image:
    """Draw tiles of the objects that one click does worst on, in turns from every kind of image.

    Parameters
    ----------
    model : LoadedModel
    annotated : Folder or Scenes
        What `report` was made of.
    report : Report
        What `evaluate` found for this model.
    count : int
        Most tiles.
    """
    predictor = Predictor(model)
    chosen = worst(report.objects, count)
    wanted = {score.image for score in chosen}
    tiles: dict[tuple[str, int], Image.Image] = {}
    for number, name in enumerate(annotated.names):
        if name in wanted:
            image, sample = annotated[number]
            labels = [score.label for score in chosen if score.image == name]
            drawn = clicked(predictor, image, sample, labels)
            tiles |= {(name, label): tile for label, tile in zip(labels, drawn, strict=True)}
    return arranged([tiles[score.image, score.label] for score in chosen])


def worst(scores: Sequence[ObjectScore], count: int) -> list[ObjectScore]:
    """Choose objects of low IoU at one click: the worst of every kind, then the next of every kind."""
    kinds: dict[str, list[ObjectScore]] = {}
    for score in sorted(scores, key=lambda score: score.point):
        kinds.setdefault(score.kind, []).append(score)
    turns = [(place, score) for group in kinds.values() for place, score in enumerate(group)]
    return [score for _, score in sorted(turns, key=lambda turn: turn[0])[:count]]


def clicked(
    predictor: Predictor, image: NDArray[np.generic], sample: Sample, labels: Sequence[int]
) -> list[Image.Image]:
    """Click in some objects of one image and draw a tile of each."""
    embedding = predictor.embed(image)
    tiles = []
    for label in labels:
        truth = sample.labels == label
        candidates = predictor.predict(embedding, Prompts([deepest_point(truth)], [1]))
        tiles.append(draw_tile(sample, truth, candidates))
    return tiles


def draw_tile(sample: Sample, truth: Mask, candidates: Candidates) -> Image.Image:
    """Draw an object's surroundings, the outlines and the IoUs."""
    rows, cols = surroundings(truth)
    canvas = enlarged(sample.image[:, rows, cols].transpose(1, 2, 0), Image.Resampling.BICUBIC)
    masks = [item.full_mask(candidates.shape) for item in candidates.items]
    for mask, colour in [*zip(masks, COLOURS, strict=False), (truth, TRUTH)]:
        canvas[outline(mask[rows, cols])] = colour
    tile = Image.new("RGB", (TILE, TILE + CAPTION))
    tile.paste(Image.fromarray(canvas))
    pen = ImageDraw.Draw(tile)
    ious = candidate_ious(candidates, truth)
    for index, (iou, colour) in enumerate(zip(ious, COLOURS, strict=False)):
        text = f"{iou:.2f}{'*' if index == candidates.best else ''}"
        pen.text((index * TILE // 3 + 4, TILE + 2), text, fill=colour)
    return tile


def surroundings(mask: Mask) -> tuple[slice, slice]:
    """Return the rows and columns of a square around a mask, cut at the image's borders."""
    box = filled(mask)
    side = round(max(part.stop - part.start for part in box) * (1 + ROOM)) + 8
    spans = []
    for part, length in zip(box, mask.shape, strict=True):
        first = max(min((part.start + part.stop - side) // 2, length - side), 0)
        spans.append(slice(first, min(first + side, length)))
    return spans[0], spans[1]


def outline(mask: Mask) -> Mask:
    """Return the enlarged mask's border, 2 pixels wide, inside it."""
    inside = enlarged(mask.astype(np.uint8) * 255, Image.Resampling.BILINEAR) > 127
    border: Mask = inside & ~ndimage.binary_erosion(inside, iterations=2, border_value=1)
    return border
