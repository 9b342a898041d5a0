"""An object out of the candidate that a person chose, with all that made it."""

from __future__ import annotations

from typing import Any

from napari_sam import __version__
from napari_sam.predict import Embedding
from napari_sam.weights import LoadedModel

from .objects import Object, Proposal
from .offer import Offer


def object_of(
    proposal: Proposal,
    label: int,
    choice: int | None,
    suggested: int | None,
    replaced: Object | None,
    embedding: Embedding | None,
    model: LoadedModel | None,
) -> Object:
    """Return the object that a candidate of a proposal becomes; nobody has signed it yet.

    Parameters
    ----------
    proposal : Proposal
    label : int
    choice : int or None
        Which candidate; None for the one that the model suggests.
    suggested : int or None
        Which one the person was suggested; None if that was the model's own.
    replaced : Object or None
        Whose place it takes, and whose class and note.
    embedding : Embedding or None
        What the candidates were computed on, as far as it is known.
    model : LoadedModel or None
        What computed them, as far as it is known.
    """
    candidates, candidate = proposal.candidates, proposal.chosen(choice)
    index = candidates.best if choice is None else choice
    return Object(
        id=label,
        plane=proposal.plane,
        origin=candidate.origin,
        mask=candidate.mask,
        prompts=proposal.prompts,
        choice=index,
        suggested=candidates.best if suggested is None else suggested,
        level=Offer(candidates, candidates.best).name_of(index),
        iou_prediction=candidate.iou_prediction,
        model=candidates.model,
        weights_hash=candidates.weights_hash,
        **computed_by(model),
        normalization=None if embedding is None else embedding.normalization.to_dict(),
        category=replaced.category if replaced else "",
        note=replaced.note if replaced else "",
    )


def computed_by(model: LoadedModel | None) -> dict[str, Any]:
    """Return what an object says of where and how it was computed, as far as it is known."""
    return {
        "device": model.device.type if model else "",
        "precision": str(model.dtype).removeprefix("torch.") if model else "",
        "software": __version__,
    }
