"""A journal's masks made again: from prompts by the model, then by the same operations and strokes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam.errors import ImageError, JournalError, NapariSamError, PromptError
from napari_sam.predict import Embedding, Normalization, PlaneWindow, Predictor
from napari_sam.predict.image import to_rgb, to_rgb_as
from napari_sam.predict.window import whole_plane
from napari_sam.progress import Progress

from ..answering import answers_to
from ..objects import COMMIT, PAINT, Edit, Key, Object, Plane, common
from ..operations import OPERATIONS, operate
from ..painting import painted_again
from .record import Record, steps_of

Read = Callable[[Plane, PlaneWindow, Normalization], ArrayLike]
"""Takes a plane, a window in it and which channels were seen, and returns (Y, X) or (Y, X, C) pixels."""
Load = Callable[[Object], Predictor]
"""Returns the model that an object names, ready to answer."""


@dataclass(frozen=True, eq=False)
class Remade:
    """An object as it is made again.

    Attributes
    ----------
    object : Object
    failure : str
        Why it could not be made again, in one sentence, so that `object` is what was recorded.
    taken : bool
        It holds pixels as they were recorded, because no prompt makes them.
    """

    object: Object
    failure: str = ""
    taken: bool = False


@dataclass(frozen=True, eq=False)
class Replayed:
    """One object that stands in the end, and what became of it.

    Attributes
    ----------
    recorded : Object
    remade : Remade
    steps : tuple of str
        The kinds of edits that made it.
    """

    recorded: Object
    remade: Remade
    steps: tuple[str, ...]

    @property
    def prompted(self) -> bool:
        """Whether prompts make it; others hold pixels that were painted, found, followed or there already."""
        return not self.remade.taken

    @cached_property
    def different(self) -> int:
        """How many pixels belong to one of the two masks only."""
        each = self.remade.object
        return self.recorded.area + each.area - 2 * common(self.recorded, each)

    @property
    def iou(self) -> float:
        """IoU of the two masks."""
        either = self.recorded.area + self.remade.object.area + self.different
        return 1 - 2 * self.different / either if either else 1.0

    @property
    def same(self) -> bool:
        """Whether it could be made again, to the pixel."""
        return not self.remade.failure and not self.different


@dataclass(frozen=True)
class Replay:
    """What became of a journal.

    Attributes
    ----------
    objects : tuple of Replayed
    remarks : tuple of str
        What may explain differences, in sentences.
    """

    objects: tuple[Replayed, ...]
    remarks: tuple[str, ...]


def replay(
    record: Record, read: Read, load: Load, *, other_weights: bool = False, progress: Progress | None = None
) -> Replay:
    """Make the objects of a journal again.

    Parameters
    ----------
    record : Record
    read, load : callable
    other_weights : bool
        Allow weights other than those recorded, with a remark.
    progress : callable, optional
        Called with how many prompted objects are made again, and how many there are.
    """
    prompted = _Prompted(record, read, load, other_weights)
    answers = prompted.answers(progress or (lambda *_: None))
    there: dict[Key, Remade] = {}
    for edit, answer in zip(record.line, answers, strict=True):
        made = _again(edit, there, answer)
        for each in edit.before:
            there.pop(each.key, None)
        there.update({each.object.key: each for each in made})
    steps = steps_of(record)
    objects = (
        Replayed(each, there.get(each.key) or _missing(each), steps[each.key]) for each in record.objects
    )
    return Replay(tuple(objects), tuple(dict.fromkeys(prompted.remarks)))


def _missing(each: Object) -> Remade:
    return Remade(each, "It did not come out of the steps that made it before.")


def _again(edit: Edit, there: Mapping[Key, Remade], answer: Sequence[Remade]) -> Sequence[Remade]:
    """Do an edit to the objects made again."""
    if answer:
        return answer
    if edit.what == PAINT:
        old = {each.key: each for each in edit.before}
        return [_painted(each, old.get(each.key), there.get(each.key)) for each in edit.after]
    if edit.what in OPERATIONS:
        return _operated(edit, [there.get(each.key) or _missing(each) for each in edit.before])
    return [Remade(each, taken=True) for each in edit.after]


def _painted(new: Object, old: Object | None, there: Remade | None) -> Remade:
    if old is None or there is None:
        return Remade(new, taken=True)
    return replace(there, object=painted_again(there.object, old, new), taken=True)


def _operated(edit: Edit, before: Sequence[Remade]) -> Sequence[Remade]:
    failure = next((each.failure for each in before if each.failure), "")
    taken = any(each.taken for each in before)
    fresh = {each.id for each in edit.after} - {each.id for each in edit.before}
    objects = tuple(each.object for each in before)
    try:
        made = operate(edit.what, objects, min(fresh, default=0), **edit.arguments)
    except PromptError as error:
        return [Remade(each, f"{edit.what}: {error}", taken) for each in edit.after]
    if len(made) == len(before):
        return [replace(old, object=new) for old, new in zip(before, made, strict=True)]
    return [Remade(each, failure, taken) for each in made]


class _Prompted:
    """Answers the prompts of all commits, one embedding after another."""

    def __init__(self, record: Record, read: Read, load: Load, other_weights: bool) -> None:
        self._record, self._read, self._load = record, read, load
        self._other_weights = other_weights
        self.remarks: list[str] = []

    def answers(self, progress: Progress) -> list[Sequence[Remade]]:
        """Return what prompts make in each edit of the journal's line; nothing where there are none."""
        done = self._record.line
        answers: list[Sequence[Remade]] = [()] * len(done)
        sources: dict[str, list[int]] = {}
        for index, edit in enumerate(done):
            if edit.what == COMMIT and all(each.prompts is not None for each in edit.after):
                sources.setdefault(_source(edit.after[0]), []).append(index)
        count, total = 0, sum(len(done[i].after) for group in sources.values() for i in group)
        progress(0, total)
        for group in sources.values():
            opened = self._opened(done[group[0]].after[0])
            for index in group:
                answers[index] = _committed(done[index].after, opened)
                count += len(done[index].after)
                progress(count, total)
        return answers

    def _opened(self, each: Object) -> tuple[Predictor, Embedding] | str:
        """Return what answers an object's prompts, or why there is nothing."""
        try:
            predictor = self._load(each)
            if predictor.model.weights_hash != each.weights_hash:
                self._check_weights(each, predictor)
            return predictor, self._embedded(predictor, each)
        except NapariSamError as error:
            return str(error)

    def _check_weights(self, each: Object, predictor: Predictor) -> None:
        sentence = (
            f"The weights of {each.model} were {each.weights_hash[:12]}, and {predictor.model.name} here has"
            f" {predictor.model.weights_hash[:12]}"
        )
        if not self._other_weights:
            raise JournalError(f"{sentence}; name the file with the old ones, or say which model to use.")
        self.remarks.append(f"{sentence}.")

    def _embedded(self, predictor: Predictor, each: Object) -> Embedding:
        """Embed the part of a plane that was seen, normalised as it was."""
        if each.normalization is None:
            raise JournalError("The journal does not say how the image was normalised.")
        known = Normalization.from_dict(each.normalization)
        rows, cols = self._record.shape[-2:]
        window = whole_plane((rows, cols))
        if known.window is not None:
            window = PlaneWindow(known.window[:2], known.window[2:], (rows, cols))
        part = np.asarray(self._read(each.plane, window, known))
        self._check_image(part, known)
        pixels = to_rgb_as(part, known)
        return predictor.assemble(pixels, known, predictor.encode(pixels, known), window)

    def _check_image(self, part: NDArray[np.generic], known: Normalization) -> None:
        channels = 1 if part.ndim == 2 else part.shape[-1]
        if channels < len(known.low):
            raise ImageError(
                f"The image has {channels} channel{'s' * (channels > 1)}, and {len(known.low)} were seen;"
                " give the image that was annotated."
            )
        colours = known.colours if known.channels else None
        now = to_rgb(part, normalization=known.method, colours=colours)[1]
        if now.colours == known.colours and (now.low, now.high) != (known.low, known.high):
            self.remarks.append("The image's values are not those of the image that was annotated.")


def _committed(objects: Sequence[Object], opened: tuple[Predictor, Embedding] | str) -> Sequence[Remade]:
    if isinstance(opened, str):
        return [Remade(each, opened) for each in objects]
    try:
        answers = answers_to(*opened, [each.prompts for each in objects if each.prompts is not None])
    except NapariSamError as error:
        return [Remade(each, str(error)) for each in objects]
    made = []
    for each, candidates in zip(objects, answers, strict=True):
        if each.choice is None or each.choice >= len(candidates):
            made.append(Remade(each, "The candidate that was chosen does not come up."))
            continue
        item = candidates.items[each.choice]
        made.append(Remade(replace(each, origin=item.origin, mask=item.mask)))
    return made


def _source(each: Object) -> str:
    """Return what an object's embedding was made of and by, as text."""
    normalization = None if each.normalization is None else dict(each.normalization)
    return json.dumps([each.model, each.weights_hash, each.device, each.precision, each.plane, normalization])
