"""The edits of a session that can be taken back, and those that can be brought back."""

from __future__ import annotations

from collections.abc import Sequence

from .objects import Edit, Key


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

    @property
    def keys(self) -> frozenset[Key]:
        """Of all objects that a step took or brought, whether it stands or was taken back."""
        edits = (*self._done, *self._undone)
        return frozenset(each.key for edit in edits for each in (*edit.before, *edit.after))

    def restore(self, done: Sequence[Edit], undone: Sequence[Edit]) -> None:
        """Be as an earlier history was."""
        self._done, self._undone = list(done), list(undone)

    def add(self, edit: Edit) -> None:
        """Note what was done; what had been taken back is gone."""
        self._done.append(edit)
        self._undone.clear()

    def step_back(self) -> Edit | None:
        """Return the edit to take back now; None if there is none."""
        return _moved(self._done, self._undone)

    def step_on(self) -> Edit | None:
        """Return the edit to bring back now; None if there is none."""
        return _moved(self._undone, self._done)


def _moved(source: list[Edit], target: list[Edit]) -> Edit | None:
    if not source:
        return None
    target.append(source.pop())
    return target[-1]
