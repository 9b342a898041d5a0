"""All that a decoder answers to prompts, at every scale that may suit them; nothing is chosen yet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_sam.model import SamConfig
from napari_sam.weights import LoadedModel

from .candidates import Decoded, least_extent
from .decoding import Query, decode, finer_queries, queries_for
from .embedding import Embedding
from .prompts import Prompts

Pool = list[Decoded]


def pools(
    model: LoadedModel, embedding: Embedding, prompts: Sequence[Prompts], many: Sequence[bool]
) -> list[Pool]:
    """Decode the prompts of several objects.

    Parameters
    ----------
    model : LoadedModel
    embedding : Embedding
    prompts : sequence of Prompts
        Within the image, one an object.
    many : sequence of bool
        Whether an object gets the three masks of an ambiguous prompt, or the one.

    Returns
    -------
    list of list of Decoded
        The masks of each object: of the scales that the prompts tell, then of finer ones where a mask
        that may be meant is small.
    """
    config = model.sam.config
    queries = [queries_for(each, embedding, config) for each in prompts]
    if not embedding.fine:
        return _decoded(model, embedding, queries, many)
    guessed = [_guessed(embedding, each, config) if len(prompts) == 1 else [] for each in prompts]
    answers = _decoded(model, embedding, [*queries, *guessed], [*many, *many])
    first, early = answers[: len(prompts)], answers[len(prompts) :]
    finer = [
        finer_queries(each, least_extent(pool), embedding, config)
        for each, pool in zip(prompts, first, strict=True)
    ]
    left = [_without(group, known) for group, known in zip(finer, guessed, strict=True)]
    late = _decoded(model, embedding, left, many)
    return [
        [*pool, *_of(group, [*some, *others])]
        for pool, group, some, others in zip(first, finer, early, late, strict=True)
    ]


def _guessed(embedding: Embedding, prompts: Prompts, config: SamConfig) -> list[Query]:
    """Return what is asked at finer scales if the object is small, as far as the features are there.

    One object is best asked at all scales together: to begin takes a CPU longer than to go on.
    """
    count, nothing = len(embedding.levels), np.empty((0, 2))
    return [
        each
        for each in finer_queries(prompts, nothing, embedding, config)
        if embedding.fine[each.window.level - count].ready(each.window.origin, config.embedding_size)
    ]


def _without(queries: Sequence[Query], known: Sequence[Query]) -> list[Query]:
    """Return the queries whose windows are not asked in others."""
    frames = {each.window.frame for each in known}
    return [each for each in queries if each.window.frame not in frames]


def _of(queries: Sequence[Query], masks: Sequence[Decoded]) -> Pool:
    """Return the masks that answer some queries."""
    frames = {each.window.frame for each in queries}
    return [each for each in masks if each.frame in frames]


def _decoded(
    model: LoadedModel, embedding: Embedding, queries: Sequence[Sequence[Query]], many: Sequence[bool]
) -> list[Pool]:
    """Decode the queries of several objects; return the masks of each to choose from.

    Those are the three of an ambiguous prompt, or the one for several prompts (paper, section 3); of
    a windowed model all four then, one of which is chosen in the end, as in its training.
    """
    decoded = iter(decode(model, embedding, [query for group in queries for query in group]))
    single = slice(None) if model.sam.config.windowed else slice(1)
    return [
        [mask for _ in group for mask in next(decoded)[slice(1, None) if several else single]]
        for group, several in zip(queries, many, strict=True)
    ]
