"""Numbers that are typed beside a slider, with a point or a comma, whatever the person's language is."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QLocale, QObject
from qtpy.QtGui import QDoubleValidator


class TypedNumber(QDoubleValidator):
    """Makes a comma a point, which superqt shows and reads: in German, say, Qt would take the comma alone."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setLocale(QLocale.c())

    def validate(self, text: str | None, position: int) -> Any:
        """Judge a text as it is written with a point."""
        return super().validate((text or "").replace(",", "."), position)
