"""How the prompts of a session are answered, today and when its journal is replayed."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from napari_sam.predict import Candidates, Embedding, Predictor, Prompts

from .objects import Plane, Proposal


@dataclass(frozen=True, eq=False)
class Answering:
    """What prompts are answered on: an embedding of a plane, and what was answered on it already.

    Attributes
    ----------
    predictor : Predictor
    embedding : Embedding
    plane : tuple of int
    """

    predictor: Predictor
    embedding: Embedding
    plane: Plane
    _memo: dict[Hashable, Candidates] = field(default_factory=dict)

    def answer(self, prompts: Sequence[Prompts]) -> tuple[Proposal, ...]:
        """Compute candidates for each object; one more point than last time costs one decoding.

        Raises
        ------
        PromptError, OutOfMemoryError
            As `AnnotationSession.answer` does.
        """
        answers = answers_to(self.predictor, self.embedding, prompts, self._memo)
        return tuple(
            Proposal(p, candidates, self.plane) for p, candidates in zip(prompts, answers, strict=True)
        )


def answers_to(
    predictor: Predictor,
    embedding: Embedding,
    prompts: Sequence[Prompts],
    memo: dict[Hashable, Candidates] | None = None,
) -> list[Candidates]:
    """Answer the prompts for each of some objects, those of many with a choice in few batches.

    Parameters
    ----------
    predictor, embedding
    prompts : sequence of Prompts
        One an object.
    memo : dict, optional
        As `Predictor.predict_sequence` takes it.

    Raises
    ------
    PromptError, OutOfMemoryError
        As `AnnotationSession.answer` does.
    """
    if len(prompts) > 1 and all(each.ambiguous for each in prompts):
        return predictor.predict_many(embedding, prompts)
    return [predictor.predict_sequence(embedding, each, memo) for each in prompts]
