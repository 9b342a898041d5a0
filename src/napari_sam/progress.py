"""How long work tells how far it is, and is told to stop, as every floor of the house knows it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with what is done and what there is to do."""
Cancel = Callable[[], bool]
"""Asked in between whether to stop."""
