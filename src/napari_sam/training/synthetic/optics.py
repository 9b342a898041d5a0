"""What happens to a picture on its way: light, focus, camera, file."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from .layouts import log_uniform
from .looks import Picture
from .shapes import Rng


def taken(picture: Picture, rng: Rng) -> NDArray[np.uint8]:
    """Take a picture of 0 to 1 with an imperfect instrument; (3, Y, X) uint8."""
    if rng.random() < 0.12:
        picture = 1 - picture
    if rng.random() < 0.4:
        picture = picture * uneven_light((picture.shape[1], picture.shape[2]), rng)
    picture = out_of_focus(picture, rng)
    if rng.random() < 0.3:
        picture = np.clip(picture, 0, 1) ** log_uniform(rng, 0.6, 1.7)
    picture = np.clip(noisy(picture, rng) * (rng.uniform(1, 1.4) if rng.random() < 0.2 else 1), 0, 1)
    if rng.random() < 0.1:
        steps = int(rng.integers(12, 64))
        picture = np.rint(picture * steps) / steps
    eight_bit = np.rint(picture * 255).astype(np.uint8)
    eight_bit = eight_bit if len(eight_bit) == 3 else eight_bit.repeat(3, axis=0)
    return compressed(eight_bit, rng) if rng.random() < 0.2 else eight_bit


def uneven_light(shape: tuple[int, int], rng: Rng) -> Picture:
    """Return a slope, and darker corners, over (Y, X) pixels."""
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    slope = rng.normal(0, 0.15) * y + rng.normal(0, 0.15) * x
    return np.asarray(np.clip(1 + slope - rng.uniform(0, 0.3) * (y**2 + x**2), 0.2, 1.6), np.float32)


def out_of_focus(picture: Picture, rng: Rng) -> Picture:
    """Blur, now and then more along one axis."""
    sigma = log_uniform(rng, 0.2, 1.6)
    along = sigma * (rng.uniform(1, 3) if rng.random() < 0.1 else 1)
    return np.asarray(ndimage.gaussian_filter(picture, (0, sigma, along)), np.float32)


def noisy(picture: Picture, rng: Rng) -> Picture:
    """Add shot noise, read noise and, now and then, scan lines."""
    one = rng.random() < 0.7 and bool(np.allclose(picture[0], picture[-1], atol=1e-3))
    shape = (1 if one else 3, *picture.shape[1:])
    noise = rng.standard_normal(shape, dtype=np.float32)
    shot, read = log_uniform(rng, 0.002, 0.12), log_uniform(rng, 0.002, 0.05)
    picture = picture + noise * np.sqrt(shot**2 * np.clip(picture, 0, 1) + read**2)
    if rng.random() < 0.08:
        picture = picture + rng.normal(0, 0.04, (1, picture.shape[1], 1))
    return np.asarray(picture, np.float32)


def compressed(picture: NDArray[np.uint8], rng: Rng) -> NDArray[np.uint8]:
    """Store as JPEG and read again."""
    stored = BytesIO()
    Image.fromarray(picture.transpose(1, 2, 0)).save(stored, "jpeg", quality=int(rng.integers(30, 95)))
    return np.asarray(Image.open(stored)).transpose(2, 0, 1).copy()
