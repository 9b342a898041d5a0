"""How a person wants to see objects, remembered between sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_sam.session.classes import Classes


@dataclass(frozen=True)
class ObjectLook:
    """What is the same for all images.

    Attributes
    ----------
    classes : Classes
        That objects can be given.
    newest_on_top : bool
        Whether the newest object is seen where two overlap; both keep their whole masks.
    coloured : bool
        Whether labels have the colours of their classes.
    """

    classes: Classes = field(default_factory=Classes)
    newest_on_top: bool = False
    coloured: bool = False

    @classmethod
    def from_settings(cls, values: object) -> ObjectLook:
        """Read what `to_settings` gave; what makes no sense is as if it were not there."""
        if not isinstance(values, Mapping):
            return cls()
        names = values.get("classes", [])
        return cls(
            Classes().with_names(str(name) for name in names) if isinstance(names, list) else Classes(),
            bool(values.get("newest_on_top", False)),
            bool(values.get("coloured", False)),
        )

    def to_settings(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "classes": list(self.classes),
            "newest_on_top": self.newest_on_top,
            "coloured": self.coloured,
        }
