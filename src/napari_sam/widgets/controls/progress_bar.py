"""How far a job is."""

from __future__ import annotations

from qtpy.QtWidgets import QProgressBar, QWidget


class ProgressBar(QProgressBar):
    """A progress bar that takes any numbers of parts."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Progress")
        self.setToolTip("How far it is")

    def show_parts(self, done: int, total: int) -> None:
        """Show how far it is; a total of 0 is unknown."""
        # Qt counts in 32 bits, and downloads are larger than that
        self.setRange(0, 1000 if total else 0)
        self.setValue(round(1000 * done / total) if total else 0)
