"""The edits of a session that can be taken back, and those that can be brought back."""

from __future__ import annotations

from collections.abc import Sequence

from napari_sam.errors import PromptError

from .objects import Edit
from .store import ObjectStore


class History:
    """Two stacks without a limit; a new edit empties the second."""

    def __init__(self) -> None:
        self._done: list[Edit] = []
        self._undone: list[Edit] = []

    @property
    def done(self) -> tuple[Edit, ...]:
        """What stands, in the order in which it was done."""
        return tuple(self._done)

    @property
    def undone(self) -> tuple[Edit, ...]:
        """What can be brought back, the next one last."""
        return tuple(self._undone)

    @property
    def empty(self) -> bool:
        """Whether nothing was ever done."""
        return not (self._done or self._undone)

    def restore(self, done: Sequence[Edit], undone: Sequence[Edit]) -> None:
        """Be as an earlier history was."""
        self._done, self._undone = list(done), list(undone)

    def add(self, edit: Edit) -> None:
        """Note what was done; what had been taken back is gone."""
        self._done.append(edit)
        self._undone.clear()

    def step_back(self, store: ObjectStore | None = None) -> Edit | None:
        """Return the edit to take back now; None if there is none.

        Raises
        ------
        PromptError
            If an object of a store, that was adopted since, would be overwritten.
        """
        if self._done:
            _check(self._done[-1].back, store)
        return _moved(self._done, self._undone)

    def step_on(self, store: ObjectStore | None = None) -> Edit | None:
        """Return the edit to bring back now; None if there is none. It is refused as by `step_back`."""
        if self._undone:
            _check(self._undone[-1], store)
        return _moved(self._undone, self._done)


def _check(change: Edit, store: ObjectStore | None) -> None:
    other = None if store is None else store.overwritten(change)
    if other is not None:
        raise PromptError(
            f"Label {other.id} is another object's by now, so this step cannot be taken back or brought back;"
            " go on from what is there."
        )


def _moved(source: list[Edit], target: list[Edit]) -> Edit | None:
    if not source:
        return None
    target.append(source.pop())
    return target[-1]
