"""A picture of an image with its labels, candidates and prompts, drawn without a window."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont
from scipy import ndimage

from ..session.offer import COLOURS

if TYPE_CHECKING:
    from ..predict import Candidates, Prompts

SIDE = 1080
"""At least this many pixels has the picture's longer side."""
LINE = 3
"""Width of an outline in the picture, in pixels."""

CANDIDATE_COLOURS = tuple(ImageColor.getrgb(each)[:3] for each in COLOURS)
Colour = tuple[int, int, int]


def draw(
    image: NDArray[Any],
    labels: NDArray[np.integer],
    prompts: Sequence[Prompts] = (),
    candidates: Candidates | None = None,
    channel_axis: int | None = None,
) -> Image.Image:
    """Draw labels filled, candidates as numbered outlines, and the prompts.

    Parameters
    ----------
    image : ndarray
        As `Predictor.embed` takes it.
    labels : (Y, X) uint16
        Each label is tinted in a colour of its own.
    prompts : sequence of Prompts
        Points become discs (crosses where negative), boxes thin frames.
    candidates : Candidates, optional
        The masks of one prompt that await a choice.
    channel_axis : int, optional
        The image's channel axis.

    Returns
    -------
    PIL.Image.Image
        RGB, enlarged by a whole factor to at least `SIDE` pixels.
    """
    from ..predict.image import to_rgb

    pixels = to_rgb(image, channel_axis)[0].transpose(1, 2, 0)
    zoom = max(1, -(-SIDE // max(labels.shape)))
    size = (labels.shape[1] * zoom, labels.shape[0] * zoom)
    canvas = np.asarray(
        Image.fromarray(pixels.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    ).copy()
    for label in np.unique(labels[labels > 0]):
        _paint(canvas, labels == label, _label_colour(int(label)), fill=0.35)
    shown = [] if candidates is None else list(zip(candidates.masks, CANDIDATE_COLOURS, strict=False))
    for mask, colour in shown:
        _paint(canvas, mask, colour, fill=0)
    picture = Image.fromarray(canvas)
    pen = ImageDraw.Draw(picture)
    for prompt in prompts:
        _mark(pen, prompt, zoom)
    _number(pen, shown, zoom)
    return picture


def _paint(canvas: NDArray[np.uint8], mask: NDArray[np.bool_], colour: Colour, fill: float) -> None:
    """Tint a mask of data pixels on the enlarged canvas, and draw its outline; in place."""
    grown = Image.fromarray(mask.astype(np.uint8) * 255).resize(
        canvas.shape[1::-1], Image.Resampling.BILINEAR
    )
    inside = np.asarray(grown) > 127
    outline = inside & ~ndimage.binary_erosion(inside, iterations=LINE, border_value=1)
    ink = np.array(colour)
    canvas[inside] = (canvas[inside] * (1 - fill) + ink * fill).astype(np.uint8)
    canvas[outline] = ink


def _mark(pen: ImageDraw.ImageDraw, prompt: Prompts, zoom: int) -> None:
    if prompt.box is not None:
        top, left, bottom, right = ((value + 0.5) * zoom for value in prompt.box)
        pen.rectangle((left, top, right, bottom), outline="white")
    for (row, col), label in zip(prompt.positions, prompt.labels, strict=True):
        y, x, r = (row + 0.5) * zoom, (col + 0.5) * zoom, 6
        if label:
            pen.ellipse((x - r, y - r, x + r, y + r), fill=(0, 220, 120), outline="white", width=2)
        else:
            pen.line((x - r, y - r, x + r, y + r), fill=(255, 60, 60), width=4)
            pen.line((x - r, y + r, x + r, y - r), fill=(255, 60, 60), width=4)


def _number(pen: ImageDraw.ImageDraw, shown: Sequence[tuple[NDArray[np.bool_], Colour]], zoom: int) -> None:
    """Write the candidates' numbers in a column beside them, inside the picture."""
    if not any(mask.any() for mask, _ in shown):
        return
    rows, cols = np.nonzero(np.any([mask for mask, _ in shown], axis=0))
    height, width = shown[0][0].shape
    font = ImageFont.load_default(28)
    right = min(int(cols.max() + 1) * zoom + 8, width * zoom - 24)
    top = min(int(rows.min()) * zoom, height * zoom - 34 * len(shown))
    for index, (_, colour) in enumerate(shown):
        place = (right, top + 34 * index)
        pen.text(place, str(index + 1), fill=colour, font=font, stroke_width=3, stroke_fill="black")


def _label_colour(label: int) -> Colour:
    """Return a colour that differs from those of the neighbouring labels (golden-ratio hues)."""
    red, green, blue = colorsys.hsv_to_rgb(label * 0.618034 % 1, 0.75, 1)
    return round(red * 255), round(green * 255), round(blue * 255)
