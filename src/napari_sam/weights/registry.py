"""The known models: where their weights are, and which are already here."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pooch

from napari_sam.errors import WeightsError

ASSETS = Path(__file__).parent.parent / "assets"


@dataclass(frozen=True)
class ModelEntry:
    """One known model.

    Attributes
    ----------
    name, title : str
        What to ask for, and what it is.
    licence : str
        Of the weights.
    file : str
        File name, in the package for a bundled model and in the cache for others.
    url : str, optional
        Where to download it; None for a bundled model.
    hash : str, optional
        ``"sha256:..."`` or ``"xxh128:..."``, as the publisher gives it.
    bytes : int, optional
        Size of the download, where it is known.
    """

    name: str
    title: str
    licence: str
    file: str
    url: str | None = None
    hash: str | None = None
    bytes: int | None = None

    @property
    def bundled(self) -> bool:
        """Whether the weights are part of the package."""
        return self.url is None

    @property
    def path(self) -> Path:
        """Where the weights are, or will be."""
        return (ASSETS if self.bundled else cache_folder()) / self.file

    @property
    def here(self) -> bool:
        """Whether the weights need no download."""
        return self.path.is_file()


def cache_folder() -> Path:
    """Return the folder of downloaded weights: ``NAPARI_SAM_CACHE``, or the platform's cache."""
    return Path(os.environ.get("NAPARI_SAM_CACHE") or pooch.os_cache("napari-sam-microscopy"))


def list_models() -> tuple[ModelEntry, ...]:
    """Return every known model, the bundled one first."""
    text = resources.files(__package__).joinpath("registry.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text).items()
    return tuple(ModelEntry(name=name, **{"file": f"{name}.pth", **values}) for name, values in entries)


def find_model(name: str) -> ModelEntry:
    """Return the entry of a known model.

    Raises
    ------
    WeightsError
        If no model has this name.
    """
    models = {entry.name: entry for entry in list_models()}
    if name not in models:
        known = ", ".join(models)
        if name and Path(name).is_dir():
            raise WeightsError(
                f"{name} is a folder; give a file in it, such as {Path(name, 'model.safetensors')}."
            )
        raise WeightsError(f"There is no model or file {name!r}; choose one of {known}, or give a path.")
    return models[name]
