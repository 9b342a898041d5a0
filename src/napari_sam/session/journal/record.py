"""What a journal holds: what its lines say when they are done again."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from napari_sam.errors import JournalError
from napari_sam.wording import amount

from ..objects import ACCEPT, ADOPT, COMMIT, FOLLOW, PAINT, Edit, Key, Object
from ..operations import operate
from ..store import ObjectStore
from .lines import BEGINNING, READABLE, Entry, entry_in, line_of
from .object_json import from_json

FRESH = (ADOPT, COMMIT, ACCEPT, FOLLOW)
"""Edits whose masks are made anew, whatever they take."""


@dataclass(frozen=True, eq=False)
class Record:
    """What is written in a journal.

    Attributes
    ----------
    begins : dict
        The first line: version, shape and, since version 3, name of the image, since version 4 what its
        pixels are like; empty for an empty journal.
    adopted : tuple of Object
        Labels that were there already.
    done, undone : tuple of Edit
        What stands, and what can be brought back.
    last_id : int
        The highest label that any object has ever had.
    adopted_after : tuple of int
        For each of `adopted`, how many of `done` it came after, in this order; empty if all came first.
    happened : tuple of Edit
        All that was ever done to the objects, one after another: what was taken back with its opposite, also
        where it cannot be brought back any more.
    unread : int
        How many lines are torn or damaged, or do not follow from what was done before them.
    """

    begins: Mapping[str, Any]
    adopted: tuple[Object, ...]
    done: tuple[Edit, ...]
    undone: tuple[Edit, ...]
    last_id: int = 0
    adopted_after: tuple[int, ...] = ()
    happened: tuple[Edit, ...] = ()
    unread: int = 0

    @property
    def damage(self) -> str:
        """What to tell of lines that could not be read; mostly empty."""
        if not self.unread:
            return ""
        return (
            f"The journal is damaged: {amount(self.unread, 'line')} of it could not be read, so what was done"
            " there is missing; give an older copy, if you have one."
        )

    @property
    def line(self) -> tuple[Edit, ...]:
        """All that stands, in the order in which it came; what was adopted as edits among those of `done`."""
        line: list[Edit] = []
        at = 0
        places = self.adopted_after or (0,) * len(self.adopted)
        for place, pairs in groupby(zip(places, self.adopted, strict=False), lambda pair: pair[0]):
            line += [*self.done[at:place], Edit(ADOPT, (), tuple(each for _, each in pairs))]
            at = place
        return *line, *self.done[at:]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the image that is annotated."""
        return tuple(self.begins.get("shape", ()))

    @property
    def objects(self) -> tuple[Object, ...]:
        """What there is in the end."""
        return tuple(ObjectStore.after(self.line))


def steps_of(record: Record) -> dict[Key, tuple[str, ...]]:
    """Return for each object that stands the kinds of edits that made it: "commit", "merge" and so on."""
    there: dict[Key, tuple[str, ...]] = {}
    for edit in record.line:
        before = {each.key: there.pop(each.key, ()) for each in edit.before}
        for each, earlier in zip(edit.after, _earlier(edit, before), strict=True):
            there[each.key] = (*(step for step in earlier if step != edit.what), edit.what)
    return there


def _earlier(edit: Edit, before: Mapping[Key, tuple[str, ...]]) -> Sequence[tuple[str, ...]]:
    """Return which steps an edit goes on from, an object: none, its own, or those of all that were taken."""
    if edit.what in FRESH:
        return [()] * len(edit.after)
    if edit.what == PAINT:
        return [before.get(each.key, ()) for each in edit.after]
    if len(edit.after) == len(edit.before):  # one becomes one, even if it gets another label
        return list(before.values())
    joined = tuple(dict.fromkeys(step for steps in before.values() for step in steps))
    return [joined] * len(edit.after)


def parse(content: bytes, path: Path, begins: Entry | None = None) -> tuple[Record, bytes]:
    """Return what a file holds, and those of its lines that are whole and can be done one after another.

    Parameters
    ----------
    content : bytes
    path : Path
        For the error.
    begins : dict, optional
        What the first line is taken to have said where it is damaged, and others are whole.

    Raises
    ------
    JournalError
        If it is no journal, or of a version that cannot be read.
    """
    lines = content.splitlines(keepends=True)
    first = entry_in(lines[0]) if lines else None
    if first is None and BEGINNING.fullmatch(content):
        return replace(_Steps().record({}), unread=len(lines)), b""
    steps = _Steps()
    kept = lines[:1]
    if first is None:
        first = _instead(lines[1:], path, begins)
        kept = [line_of(first)]
        steps.follow(None)  # there may have been more lines than one
    version = first.get("version")
    if version not in READABLE:
        raise JournalError(
            f"{path} is of another version of journal ({version}; this napari-sam reads"
            f" {' and '.join(map(str, READABLE))}); update napari-sam, or move it away to begin a new one."
        )
    kept += [line for line in lines[1:] if steps.follow(entry_in(line))]
    unread = len(lines) - len(kept) + (kept[0] != lines[0])
    return replace(steps.record(first), unread=unread), b"".join(kept)


def _instead(others: Sequence[bytes], path: Path, begins: Entry | None) -> Entry:
    """Return what stands for a first line that is damaged."""
    if not any(map(entry_in, others)):
        raise JournalError(f"{path} is no journal of napari-sam, or its first line is damaged; move it away.")
    if begins is None:
        raise JournalError(
            f"The first line of {path} is damaged; open its image in napari and press Start, which mends it."
        )
    return begins


def read_record(path: str | os.PathLike[str]) -> Record:
    """Read a journal and leave it as it is; lines that are torn or damaged are passed over.

    Raises
    ------
    JournalError
        If there is none, or it cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        found = min(path.glob("*.journal"), default=path / "labels.journal")
        raise JournalError(f"{path} is a folder; give a journal in it, such as {found}.")
    try:
        record, _ = parse(path.read_bytes(), path)
    except OSError as error:
        raise JournalError(f"{path} cannot be read ({error.strerror}); give a journal's path.") from error
    if not record.begins:
        raise JournalError(f"{path} is empty; give a journal with commits.")
    return record


class _Steps:
    """What lines say, done one after another to the objects that are there by then."""

    def __init__(self) -> None:
        self._adopted: list[tuple[int, Edit]] = []
        self._done: list[Edit] = []
        self._undone: list[Edit] = []
        self._happened: list[Edit] = []
        self._last_id = 0
        self._there: dict[Key, Object] = {}
        self._damaged = False  # in the line before
        self._sure = 0  # of `done`, those from before damage: a later undo may be of what is lost

    def follow(self, entry: Entry | None) -> bool:
        """Do what a line says, and say whether it follows from those before it; else it is damage as well."""
        if self._damaged:  # and this line comes after; a torn one at the end changes nothing
            self._sure = len(self._done)
            self._undone.clear()
        self._damaged = entry is None or not self._followed(entry)
        return not self._damaged

    def _followed(self, entry: Entry) -> bool:
        kinds = {ADOPT: self.adopt, "undo": self.undo, "redo": self.redo, "do": self.do}
        try:
            for kind in kinds.keys() & entry.keys():
                kinds[kind](entry)
        except (LookupError, TypeError, ValueError, zlib.error):
            return False
        return True

    def record(self, begins: Entry) -> Record:
        """Return what has come of them."""
        pairs = [(each, place) for place, edit in self._adopted for each in edit.after]
        return Record(
            begins,
            tuple(each for each, _ in pairs),
            tuple(self._done),
            tuple(self._undone),
            self._last_id,
            tuple(place for _, place in pairs),
            tuple(self._happened),
        )

    def adopt(self, entry: Entry) -> None:
        edit = Edit(ADOPT, (), tuple(from_json(each) for each in entry[ADOPT]))
        self._adopted.append((len(self._done), edit))
        self._apply(edit)

    def undo(self, _: Entry) -> None:
        if len(self._done) == self._sure:
            raise LookupError("it may be the damaged line that was taken back")
        self._undone.append(self._done.pop())
        last = len(self._done)
        for number in reversed(range(len(self._adopted))):  # what came later stands on what is left
            place, edit = self._adopted[number]
            if place <= last:
                break
            self._adopted[number] = last, edit
        self._apply(self._undone[-1].back)

    def redo(self, _: Entry) -> None:
        self._done.append(self._undone.pop())
        self._apply(self._done[-1])

    def do(self, entry: Entry) -> None:
        before = tuple(self._taken(each) for each in entry["before"])
        arguments = entry["arguments"]
        if "after" in entry:
            after = tuple(from_json(each) for each in entry["after"])
        else:
            after = operate(entry["do"], before, self._last_id + 1, **arguments)
        self._undone.clear()
        if before or after:
            self._done.append(Edit(entry["do"], before, after, arguments))
            self._apply(self._done[-1])

    def _taken(self, each: list[int] | Entry) -> Object:
        """Return an object that an edit takes: one that is there, or written whole in older versions."""
        return from_json(each) if isinstance(each, dict) else self._there[each[0], tuple(each[1:])]

    def _apply(self, edit: Edit) -> None:
        self._happened.append(edit)
        for each in edit.before:
            self._there.pop(each.key, None)
        self._there.update((each.key, each) for each in edit.after)
        self._last_id = max([self._last_id, *(each.id for each in edit.after)])
