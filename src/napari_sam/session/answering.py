"""How the prompts of a session are answered, today and when its journal is replayed."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from napari_sam.predict import Candidates, Embedding, Predictor, Prompts


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
