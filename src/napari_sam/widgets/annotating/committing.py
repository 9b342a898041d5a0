"""Candidates become objects, and objects candidates again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_sam.errors import NapariSamError
from napari_sam.predict import Prompts
from napari_sam.session.objects import object_iou
from napari_sam.session.store import window_of

if TYPE_CHECKING:
    from napari_sam.session import AnnotationSession, Object, Plane
    from napari_sam.session.opening import Opened

    from ..background.jobs import Jobs
    from ..layers.label_writer import LabelWriter
    from ..opening.seeing import Seeing
    from ..prompts.choosing import Chooser
    from .asking import Asking

SAME = 0.8
"""Two objects whose IoU is higher are one that was committed twice."""
HIDDEN = "The layer {!r} is hidden, so labels are not seen."
TWICE = "Label {} is nearly the same and counts, too; Undo takes the new one back."
UNSEEN = "Other labels hide {}; Overlaps, in the tab Objects, can show the newest on top."
NOT_YET = "The candidates are still being computed; choose one as soon as they are there."


class Committing:
    """Commits the candidates that are chosen, and offers those of an object again.

    Signals
    -------
    said : str
        One sentence for the person.
    failed : str
        One sentence about what went wrong.
    prompts_changed
        Prompts were put on the image or taken away, silently for those who hear of what is drawn.

    Parameters
    ----------
    session : AnnotationSession
    writer : LabelWriter
        Knows how far its labels can count.
    chooser : Chooser
        Knows which candidate is marked, and learns from what is taken.
    asking : Asking
        Has the prompts.
    seeing : Seeing
        Knows the plane.
    part : callable
        Gives the part of the plane that is open.
    jobs : Jobs
        Whose answers to prompts that go are not wanted any more.
    """

    said = Signal(str)
    failed = Signal(str)
    prompts_changed = Signal()

    def __init__(
        self,
        session: AnnotationSession,
        writer: LabelWriter,
        chooser: Chooser,
        asking: Asking,
        seeing: Seeing,
        part: Callable[[], Opened | None],
        jobs: Jobs,
    ) -> None:
        self._session, self._writer, self._chooser = session, writer, chooser
        self._asking, self._seeing, self._part, self._jobs = asking, seeing, part, jobs

    def commit(self, number: int | None = None) -> None:
        """Commit the candidate with a number, from 0, or the marked one; of several objects, each."""
        index = self._chooser.index if number is None else self._chooser.numbered(number)
        if number is not None and index is None and self._session.proposals:
            self.failed.emit(f"There is no candidate {number + 1}; choose one that is shown.")
            return
        self.take(index)

    def take(self, index: int | None) -> None:
        """Commit the candidate of an index, or the suggested one of each object."""
        session, offer = self._session, self._chooser.offer
        if not session.proposals and self._asking.waiting:
            self.failed.emit(NOT_YET)
            return
        try:
            self._writer.check_room(session.next_id + self._new_labels - 1)
            step = session.commit(index, None if offer is None else offer.suggested)
        except NapariSamError as error:
            self.failed.emit(str(error))
            return
        if offer is not None and index is not None:
            self._chooser.learn(offer, index)
        self._jobs.cancel()  # an answer to newer prompts, which go as well
        self._asking.drop(self._seeing.plane)
        self.prompts_changed.emit()
        made = f"label {step[0].id}" if len(step) == 1 else f"labels {step[0].id} to {step[-1].id}"
        labels = {each.id for each in session.objects}  # an object of a stack is one in each plane
        self.said.emit(f"Committed {made}. {len(labels)} so far.{self._twins(step) or self._unseen(step)}")

    def _twins(self, step: Sequence[Object]) -> str:
        """Say of what was committed that it is there already: one hides the other, but both count."""
        store = self._session.store
        pairs = ((each, other) for each in step for other in store.within(each.plane, window_of(each)))
        twins = (pair for pair in pairs if pair[0].id != pair[1].id and object_iou(*pair) > SAME)
        found = next(twins, None)
        return f" {TWICE.format(found[1].id)}" if found else ""

    def _unseen(self, step: Sequence[Object]) -> str:
        """Say of what was committed that none of it is seen, which looks as if nothing had happened."""
        layer = self._writer.labels
        if not layer.visible:
            return f" {HIDDEN.format(layer.name)}"
        labels = layer.data
        hidden = sum(not (np.asarray(labels[each.window])[each.mask] == each.id).any() for each in step)
        if not hidden or self._writer.trouble:  # which is told anyway
            return ""
        return f" {UNSEEN.format('all of it' if len(step) == 1 else f'{hidden} of them')}"

    @property
    def _new_labels(self) -> int:
        """How many labels a commit needs, at most: none for an object that was reopened."""
        count = len(self._session.proposals)
        return 0 if count == 1 and self._session.reopened is not None else count

    def reopen(self, each: Object) -> None:
        """Offer the choice of an object again; points refine it.

        It stays until another commit takes its place. Where none can be seen, nothing is done but say why.
        """
        if not self._seeing.possible():
            return
        self.clear(self._seeing.plane)
        self._session.reopen(each.key)
        self._put(each.prompts or Prompts(box=each.box), each.choice)
        self.said.emit(self.task)

    @property
    def task(self) -> str:
        """What the person may do with the candidates of a reopened object; empty for a new one."""
        each = self._session.reopened
        return f"Reopened label {each.id}: choose again, or refine with points." if each else ""

    def refine(self, prompts: Prompts) -> None:
        """Go on from some prompts of the plane, in place of those that are there."""
        self.clear(self._seeing.plane)
        self._put(prompts)

    def _put(self, prompts: Prompts, choice: int | None = None) -> None:
        self._asking.put(prompts, self._seeing.plane, choice)
        self._asking.ask(self._seeing.plane, self._part())
        self.prompts_changed.emit()

    def clear(self, plane: Plane | None = None) -> None:
        """Drop all prompts, or those of a plane, and the candidates."""
        if self._session.ready:
            self._jobs.cancel()
        self._asking.drop(plane)
        self._session.propose(())
        self.prompts_changed.emit()
