"""One annotation session: prompts become candidates, candidates become objects, every edit can be undone."""

from __future__ import annotations

from collections.abc import Sequence

from psygnal import Signal

from napari_sam.errors import PromptError
from napari_sam.predict import Embedding, Predictor, Prompts

from .answering import Answering
from .edited_objects import Clock, EditedObjects, utc_now
from .making import object_of
from .objects import COMMIT, Key, Object, Plane, Proposal
from .operations import Objects

Proposals = tuple[Proposal, ...]


class AnnotationSession(EditedObjects):
    """The state of annotating one image, without any window.

    `answer` computes and changes nothing that others see, so it may run in a worker; everything
    else belongs to the thread that listens to the signals.

    Signals
    -------
    proposed : tuple of Proposal
        There are other candidates now, or none.
    released
        The next commit is an object of its own again.

    Parameters
    ----------
    first_id, author, clock
        As `EditedObjects` takes them.
    """

    proposed = Signal(tuple)
    released = Signal()

    def __init__(self, first_id: int = 1, author: str = "", clock: Clock = utc_now) -> None:
        super().__init__(first_id, author, clock)
        self._replaced: Key | None = None
        self._answering: Answering | None = None
        self._proposals: Proposals = ()

    @property
    def ready(self) -> bool:
        """Whether there is an embedding to prompt on."""
        return self._answering is not None

    @property
    def proposals(self) -> Proposals:
        """The candidates to choose from, one proposal an object."""
        return self._proposals

    def open(self, predictor: Predictor, embedding: Embedding, plane: Plane = ()) -> None:
        """Work on another embedding, of a plane of the image; committed objects stay.

        An object of another plane is not reopened any more.
        """
        if self.reopened is not None and self.reopened.plane != plane:
            self.release()
        self._answering = Answering(predictor, embedding, plane)
        self.propose(())

    def close(self) -> None:
        """Forget the embedding and the candidates; committed objects stay."""
        self._answering = None
        self.propose(())

    def answer(self, prompts: Sequence[Prompts]) -> Proposals:
        """Compute candidates for each object; one more point than last time costs one decoding.

        Raises
        ------
        PromptError
            If there is no embedding yet, or a prompt lies outside the image.
        OutOfMemoryError
            If the device has too little memory.
        """
        if self._answering is None:
            raise PromptError("The image is not embedded yet; press Start, or wait until it is.")
        return self._answering.answer(prompts)

    def propose(self, proposals: Proposals) -> None:
        """Put candidates up for choice, one proposal an object; an empty tuple drops them."""
        if not proposals and not self._proposals:
            return
        self._proposals = proposals
        self.proposed.emit(proposals)

    def set_prompts(self, prompts: Sequence[Prompts]) -> None:
        """Answer prompts and put the candidates up for choice; no prompts drop them."""
        self.propose(self.answer(prompts) if prompts else ())

    def commit(self, choice: int | None = None, suggested: int | None = None) -> Objects:
        """Commit one candidate of each proposal, the suggested one by default, all in one step.

        Empty masks are left out. A single one takes the place of the object that was reopened in its plane.

        Parameters
        ----------
        choice : int, optional
            Which candidate.
        suggested : int, optional
            Which one the person was suggested, if not the model's own; it is kept with the object.

        Raises
        ------
        PromptError
            If there is nothing to commit: no candidates, none of this number, or only empty masks; or
            nothing can be changed.
        """
        self._check_open()
        if not self._proposals:
            raise PromptError("There are no candidates; click on a cell or draw a box around it.")
        for proposal in self._proposals:
            if choice is not None and not 0 <= choice < len(proposal.candidates):
                raise PromptError(f"There is no candidate {choice + 1}; choose one that is shown.")
        filled = [proposal for proposal in self._proposals if proposal.chosen(choice).mask.any()]
        if not filled:
            raise PromptError("The mask is empty, so there is nothing to commit; add or move a point.")
        return self._commit(filled, choice, suggested)

    def _commit(self, proposals: Sequence[Proposal], choice: int | None, suggested: int | None) -> Objects:
        """Commit one candidate of each of some proposals in one step; those up for choice go."""
        old = self.reopened
        if old is not None and [each.plane for each in proposals] != [old.plane]:
            old = None
        on = self._answering
        embedding, model = (on.embedding, on.predictor.model) if on is not None else (None, None)
        labels = [self._new_id() if old is None else old.id for _ in proposals]
        made = tuple(
            object_of(each, label, choice, suggested, old, embedding, model)
            for each, label in zip(proposals, labels, strict=True)
        )
        self._replaced = None
        self.propose(())
        return self.put(COMMIT, () if old is None else (old,), made).after

    def reopen(self, key: Key) -> Object:
        """Let the next commit of one object take the place of a committed one, which stays until then.

        Raises
        ------
        PromptError
            If there is no such object.
        """
        if key not in self.store:
            raise PromptError("There is no object to reopen here; point at one, or commit one first.")
        self._replaced = key
        return self.store[key]

    @property
    def reopened(self) -> Object | None:
        """The object whose place the next commit takes."""
        return None if self._replaced is None else self.store.get(self._replaced)

    def release(self) -> None:
        """Let the next commit be an object of its own."""
        self._replaced = None
        self.released.emit()
