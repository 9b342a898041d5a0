"""The list of models to choose from: known ones, and weights in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFileDialog, QWidget

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_sam.weights import ModelEntry


DEFAULT_MODEL = "cell-tiny"
DEVICES = ("auto", "cpu", "cuda", "mps")
FROM_FILE = "from a file..."


class ModelChoice(QComboBox):
    """Offers the bundled model at once, and others as soon as they are known."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.addItem(DEFAULT_MODEL, DEFAULT_MODEL)
        self._chosen = DEFAULT_MODEL
        self._entries: dict[str, ModelEntry] = {}
        self.activated.connect(self._activated)
        self.currentIndexChanged.connect(self._changed)

    @property
    def model(self) -> str:
        """A name or a file, as `load_model` takes it."""
        return str(self.currentData() or DEFAULT_MODEL)

    def show_models(self, entries: Sequence[ModelEntry], chosen: str) -> None:
        """Offer models, with one of them, or a file, chosen."""
        self.clear()
        self._entries = {entry.name: entry for entry in entries}
        for entry in entries:
            self.addItem(_shown(entry), entry.name)
            tip = f"{entry.title}; {entry.licence}"
            self.setItemData(self.count() - 1, tip, role=Qt.ItemDataRole.ToolTipRole)
        if self.findData(chosen) < 0 and Path(chosen).suffix:  # also if it is gone, which Start tells of
            self._add_file(chosen)
        self.addItem(FROM_FILE, None)
        self.setCurrentIndex(self.findData(chosen if self.findData(chosen) >= 0 else DEFAULT_MODEL))

    def note_download(self) -> None:
        """Show that the chosen model is here, once it was downloaded."""
        entry = self._entries.get(self.model)
        if entry is not None:
            self.setItemText(self.currentIndex(), _shown(entry))

    def _activated(self, index: int) -> None:
        if self.itemText(index) != FROM_FILE:
            return
        path, _ = QFileDialog.getOpenFileName(self, "Weights", "", "Weights (*.pth *.pt *.safetensors)")
        if path and self.findData(path) < 0:
            self._add_file(path)
        self.setCurrentIndex(self.findData(path or self._chosen))

    def _add_file(self, path: str) -> None:
        """Offer a file first; of what training made, whose files share a name, with its folder."""
        from napari_sam.weights import TRAINED  # takes torch with it

        file = Path(path)
        shown = f"{file.parent.name}/{file.name}" if file.stem in TRAINED else file.name
        self.insertItem(0, shown, path)
        self.setItemData(0, path, role=Qt.ItemDataRole.ToolTipRole)

    def _changed(self, _: int) -> None:
        self._chosen = str(self.currentData() or self._chosen)


class ModelAndDevice:
    """A model and where it computes, in two lists, chosen as the last time.

    Attributes
    ----------
    model : ModelChoice
    device : QComboBox
    """

    def __init__(self, parent: QWidget) -> None:
        self.model, self.device = ModelChoice(parent), QComboBox(parent)
        self.device.addItems(DEVICES)
        self._last = DEFAULT_MODEL

    @property
    def settings(self) -> dict[str, str]:
        """What is chosen, as `restore` takes it."""
        return {"model": self.model.model, "device": self.device.currentText()}

    def restore(self, settings: Mapping[str, Any]) -> None:
        """Choose what was chosen the last time; a model as soon as models are shown."""
        self.device.setCurrentText(str(settings.get("device", "")))  # an unknown name changes nothing
        self._last = str(settings.get("model", DEFAULT_MODEL))

    def show_models(self, entries: Sequence[ModelEntry]) -> None:
        """Offer models."""
        self.model.show_models(entries, self._last)


def _shown(entry: ModelEntry) -> str:
    if entry.here:
        return entry.name
    return (
        f"{entry.name} (download {entry.bytes / 1e6:.0f} MB)" if entry.bytes else f"{entry.name} (download)"
    )
