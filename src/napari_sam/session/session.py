"""One annotation session: prompts become candidates, candidates become objects, objects can be undone."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from psygnal import Signal

from napari_sam.errors import PromptError
from napari_sam.predict import Candidates, Embedding, Predictor, Prompts

from .objects import Object, Plane, Proposal

Step = tuple[Object, ...]
Proposals = tuple[Proposal, ...]


class AnnotationSession:
    """The state of annotating one image, without any window.

    `answer` computes and changes nothing that others see, so it may run in a worker; everything
    else belongs to the thread that listens to the signals.

    Signals
    -------
    proposed : tuple of Proposal
        There are other candidates now, or none.
    committed : tuple of Object
        These objects were added, in one step.
    removed : tuple of Object
        These objects were taken back, in one step.

    Parameters
    ----------
    first_id : int
        The first object's label.
    """

    proposed = Signal(tuple)
    committed = Signal(tuple)
    removed = Signal(tuple)

    def __init__(self, first_id: int = 1) -> None:
        self._next_id = first_id
        self._predictor: Predictor | None = None
        self._embedding: Embedding | None = None
        self._plane: Plane = ()
        self._memo: dict[Hashable, Candidates] = {}
        self._proposals: Proposals = ()
        self._done: list[Step] = []
        self._undone: list[Step] = []

    @property
    def ready(self) -> bool:
        """Whether there is an embedding to prompt on."""
        return self._embedding is not None

    @property
    def proposals(self) -> Proposals:
        """The candidates to choose from, one proposal an object."""
        return self._proposals

    @property
    def objects(self) -> tuple[Object, ...]:
        """All committed objects, in their order."""
        return tuple(each for step in self._done for each in step)

    @property
    def can_undo(self) -> bool:
        """Whether there is a commit to take back."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether there is a commit to bring back."""
        return bool(self._undone)

    @property
    def next_id(self) -> int:
        """The label that the next object will get."""
        return self._next_id

    def open(self, predictor: Predictor, embedding: Embedding, plane: Plane = ()) -> None:
        """Work on another embedding, of a plane of the image; committed objects stay."""
        self._predictor, self._embedding, self._plane = predictor, embedding, plane
        self._memo = {}
        self.propose(())

    def close(self) -> None:
        """Forget the embedding and the candidates; committed objects stay."""
        self._predictor = self._embedding = None
        self._memo = {}
        self.propose(())

    def reserve(self, label: int) -> None:
        """Give no object a label up to this one, because it is in use."""
        self._next_id = max(self._next_id, label + 1)

    def restore(self, done: Sequence[Step], undone: Sequence[Step] = ()) -> None:
        """Begin with commits of an earlier session, and with those that it had taken back.

        Parameters
        ----------
        done, undone : sequence of steps
            In the order in which they were made.

        Raises
        ------
        PromptError
            If there are commits already.
        """
        if self._done or self._undone:
            raise PromptError("There are commits already; restore earlier ones before the first.")
        for step in (*done, *undone):
            self.reserve(max(each.id for each in step))
        self._undone = list(undone)
        for step in done:
            self._done.append(step)
            self.committed.emit(step)

    def answer(self, prompts: Sequence[Prompts]) -> Proposals:
        """Compute candidates for each object; one more point than last time costs one decoding.

        Raises
        ------
        PromptError
            If there is no embedding yet, or a prompt lies outside the image.
        OutOfMemoryError
            If the device has too little memory.
        """
        predictor, embedding, plane, memo = self._opened()
        if len(prompts) > 1 and all(each.ambiguous for each in prompts):
            answers = predictor.predict_many(embedding, prompts)
        else:
            answers = [predictor.predict_sequence(embedding, each, memo) for each in prompts]
        return tuple(Proposal(p, candidates, plane) for p, candidates in zip(prompts, answers, strict=True))

    def _opened(self) -> tuple[Predictor, Embedding, Plane, dict[Hashable, Candidates]]:
        if self._predictor is None or self._embedding is None:
            raise PromptError("The image is not embedded yet; press Start, or wait until it is.")
        return self._predictor, self._embedding, self._plane, self._memo

    def propose(self, proposals: Proposals) -> None:
        """Put candidates up for choice, one proposal an object; an empty tuple drops them."""
        if not proposals and not self._proposals:
            return
        self._proposals = proposals
        self.proposed.emit(proposals)

    def set_prompts(self, prompts: Sequence[Prompts]) -> None:
        """Answer prompts and put the candidates up for choice; no prompts drop them."""
        self.propose(self.answer(prompts) if prompts else ())

    def commit(self, choice: int | None = None) -> Step:
        """Commit one candidate of each proposal, the suggested one by default, all in one step.

        Empty masks are left out.

        Raises
        ------
        PromptError
            If there is nothing to commit: no candidates, none of this number, or only empty masks.
        """
        if not self._proposals:
            raise PromptError("There are no candidates; click on a cell or draw a box around it.")
        for proposal in self._proposals:
            if choice is not None and not 0 <= choice < len(proposal.candidates):
                raise PromptError(f"There is no candidate {choice + 1}; choose one that is shown.")
        filled = [proposal for proposal in self._proposals if proposal.chosen(choice).mask.any()]
        if not filled:
            raise PromptError("The mask is empty, so there is nothing to commit; add or move a point.")
        step = tuple(self._object(proposal, choice) for proposal in filled)
        self._done.append(step)
        self._undone.clear()
        self.propose(())
        self.committed.emit(step)
        return step

    def _object(self, proposal: Proposal, choice: int | None) -> Object:
        candidates, candidate = proposal.candidates, proposal.chosen(choice)
        label, self._next_id = self._next_id, self._next_id + 1
        return Object(
            id=label,
            plane=proposal.plane,
            origin=candidate.origin,
            mask=candidate.mask,
            prompts=proposal.prompts,
            choice=candidates.best if choice is None else choice,
            iou_prediction=candidate.iou_prediction,
            model=candidates.model,
            weights_hash=candidates.weights_hash,
        )

    def undo(self) -> Step:
        """Take back the last commit; return its objects, none if there was none."""
        if not self._done:
            return ()
        step = self._done.pop()
        self._undone.append(step)
        self.removed.emit(step)
        return step

    def redo(self) -> Step:
        """Bring back the last commit that was undone; return its objects, none if there was none."""
        if not self._undone:
            return ()
        step = self._undone.pop()
        self._done.append(step)
        self.committed.emit(step)
        return step
