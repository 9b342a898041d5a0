"""Embed an image once, then answer prompts on it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam.errors import ImageError, PromptError, WeightsError
from napari_sam.progress import Cancel, Progress
from napari_sam.weights import LoadedModel, memory_errors

from .candidates import Candidate, Candidates, Decoded, rank
from .choice import choose
from .drawing import draw, drawn_at, pointed_at, whole_weights, window_weights
from .embedding import Embedding, Level, encode_scales, encode_whole
from .fine import FineLevel
from .image import Colour, Method, Normalization, to_rgb
from .likeness import likeness
from .pools import Pool, pools
from .prompts import Prompts, checked
from .rating import FEATURES, describe, rate
from .sequence import key_of, steps, subset
from .window import PlaneWindow, read_part

Multimask = bool | Literal["auto"]
CHOICES = 3
"""Masks shown when the prompts are ambiguous: whole, part, sub-part (paper, section 3)."""
TOGETHER = 256
"""Objects asked for together: until one is chosen, half a megabyte of masks is held of each."""


class Predictor:
    """Prompts to masks with one model; it keeps no state between calls.

    Parameters
    ----------
    model : LoadedModel
        As `load_model` returns it.

    Raises
    ------
    WeightsError
        If it is something else, such as a model's name.
    """

    def __init__(self, model: LoadedModel) -> None:
        if not isinstance(model, LoadedModel):
            raise WeightsError(
                f"A model is wanted and not {type(model).__name__}; give what napari_sam.load_model returns."
            )
        self.model = model

    def embed(
        self,
        image: ArrayLike,
        *,
        channel_axis: int | None = None,
        normalization: Method = "percentile",
        colours: Sequence[Colour] | None = None,
        window: PlaneWindow | None = None,
        progress: Progress | None = None,
        cancelled: Cancel | None = None,
    ) -> Embedding:
        """Run the image encoder.

        Parameters
        ----------
        image : (Y, X), (Y, X, C), or 3-dimensional with `channel_axis`
            Any real dtype, 1 to 5 channels.
        channel_axis : int, optional
            The axis of the channels.
        normalization : "percentile" or None
            None for values that are 0 to 255 already, as Meta's code takes them.
        colours : sequence of (red, green, blue), optional
            What each channel adds to the picture that the network sees, from 0 to 1; any number of channels.
        window : PlaneWindow, optional
            The part of a large image to embed: no more is read of a lazy one, and its percentiles are
            the part's own. Prompts and masks stay in the image's coordinates.
        progress : callable, optional
            Called with the number of parts done and of all parts.
        cancelled : callable, optional
            Asked before each part whether to stop.

        Returns
        -------
        Embedding

        Raises
        ------
        ImageError
            If the image cannot be used.
        Cancelled
            If `cancelled` said so.
        OutOfMemoryError
            If the device has too little memory.
        """
        with memory_errors(self.model.device, self.model.name):
            part = read_part(image, window, channel_axis)
            pixels, record = to_rgb(part, channel_axis, normalization, colours)
            levels = self.encode(pixels, record, progress, cancelled)
            return self.assemble(pixels, record, levels, window)

    def encode(
        self,
        pixels: NDArray[np.float32],
        record: Normalization,
        progress: Progress | None = None,
        cancelled: Cancel | None = None,
    ) -> tuple[Level, ...]:
        """Run the image encoder on (3, Y, X) pixels of 0 to 255; as `embed` does, and as dear."""
        report, stop = progress or _silent, cancelled or _never
        with memory_errors(self.model.device, self.model.name):
            if self.model.sam.config.windowed:
                return encode_scales(self.model, pixels, report, stop)
            return (encode_whole(self.model, pixels, record.eight_bit, report, stop),)

    def assemble(
        self,
        pixels: NDArray[np.float32],
        record: Normalization,
        levels: tuple[Level, ...],
        window: PlaneWindow | None = None,
    ) -> Embedding:
        """Return the embedding of (3, Y, X) pixels whose levels `encode` has made, now or another day."""
        fine: tuple[FineLevel, ...] = ()
        if self.model.sam.config.windowed:
            eight_bit = np.rint(pixels).astype(np.uint8)
            fine = tuple(FineLevel(scale, eight_bit) for scale in self.model.sam.config.fine_scales)
        shape = (pixels.shape[1], pixels.shape[2])
        made = Embedding(shape, record, levels, self.model.name, self.model.weights_hash, fine)
        return made if window is None else made.placed(window)

    def predict(self, embedding: Embedding, prompts: Prompts, *, multimask: Multimask = "auto") -> Candidates:
        """Answer the prompts for one object.

        Parameters
        ----------
        embedding : Embedding
            Of this predictor's model.
        prompts : Prompts
        multimask : bool or "auto"
            Three masks, or one; "auto" gives three for one point alone or a lone box, where
            the choice is the user's, and one otherwise (paper, section 3).

        Raises
        ------
        PromptError
            If a prompt lies outside the image, or outside the part of it that is embedded, or is none,
            or `multimask` is something else.
        ImageError
            If another model made the embedding, or it is something else, such as the image.
        OutOfMemoryError
            If the device has too little memory.
        """
        return self.predict_many(embedding, [prompts], multimask=multimask)[0]

    def predict_many(
        self, embedding: Embedding, prompts: Iterable[Prompts], *, multimask: Multimask = "auto"
    ) -> list[Candidates]:
        """Answer the prompts for many objects in few batches; as `predict` does for each."""
        return [
            embedding.window.leaving(self._candidates(embedding, *asked))
            for asked in self._asked(embedding, prompts, multimask)
        ]

    def suggest_many(self, embedding: Embedding, prompts: Iterable[Prompts]) -> list[Decoded]:
        """Return the mask that `predict_many` calls the best one of each object, and no other.

        It is not drawn: `draw` does that, and finds it where it lies on the embedded part of the image.

        Parameters
        ----------
        embedding : Embedding
            Of this predictor's model.
        prompts : iterable of Prompts

        Raises
        ------
        PromptError, ImageError, OutOfMemoryError
            As `predict` does.
        """
        return [self._meant(embedding, *asked) for asked in self._asked(embedding, prompts, "auto")]

    def predict_sequence(
        self, embedding: Embedding, prompts: Prompts, memo: dict[Hashable, Candidates] | None = None
    ) -> Candidates:
        """Answer prompts one after another, each with the logits of the best mask before it.

        First the box, or else the first positive point, with the given mask if there is one; then the
        (other) points, in their order. This is how the network was trained (paper, appendix A), and a
        pure function of the prompts. The last step gives three masks or one as ``multimask="auto"`` does.

        Parameters
        ----------
        embedding : Embedding
            Of this predictor's model.
        prompts : Prompts
        memo : dict, optional
            Holds the steps of the last call on the same embedding afterwards, so that one more point
            costs one decoding.

        Raises
        ------
        PromptError, ImageError, OutOfMemoryError
            As `predict` does.
        """
        known = {} if memo is None else dict(memo)
        taken: dict[Hashable, Candidates] = {}
        (prompts,) = checked([prompts])
        mask = prompts.mask
        for chosen in steps(prompts):
            key = key_of(prompts, chosen)
            step = subset(prompts, chosen, mask)
            answer = known[key] if key in known else self.predict(embedding, step)
            taken[key] = answer
            mask = answer.mask_prompt(answer.best)
        if memo is not None:
            memo.clear()
            memo.update(taken)
        return answer

    def _asked(
        self, embedding: Embedding, prompts: Iterable[Prompts], multimask: Multimask
    ) -> Iterator[tuple[Pool, bool, Prompts]]:
        """Yield what the decoder draws for each object, whether that may be several, and its prompts."""
        self._check(embedding)
        prompts = checked(prompts)
        if multimask not in (True, False, "auto"):
            raise PromptError(f"multimask is {multimask!r}; give True, False or 'auto'.")
        placed = [embedding.window.entering(each) for each in prompts]
        many = [each.ambiguous if multimask == "auto" else bool(multimask) for each in prompts]
        for start in range(0, len(placed), TOGETHER):
            group, several = placed[start : start + TOGETHER], many[start : start + TOGETHER]
            yield from zip(pools(self.model, embedding, group, several), several, group, strict=True)

    def _check(self, embedding: Embedding) -> None:
        if not isinstance(embedding, Embedding):
            raise ImageError(
                f"An embedding is wanted and not {type(embedding).__name__};"
                " give what Predictor.embed returns."
            )
        if embedding.weights_hash != self.model.weights_hash:
            raise ImageError(
                f"The embedding was made by {embedding.model} and not by these weights of"
                f" {self.model.name}; embed the image again."
            )

    def _candidates(self, embedding: Embedding, pool: Pool, many: bool, prompts: Prompts) -> Candidates:
        """Choose from the decoder's answers and draw the chosen ones."""
        if many and not self.model.sam.config.windowed:
            items = [self.draw(embedding, each) for each in pool]
            return self._answer(embedding, items, _surest(pool))
        chosen = self._chosen(embedding, pool, many, prompts, CHOICES if many else 1)
        items = [self.draw(embedding, each) for each in chosen]
        if self.model.sam.config.windowed:
            items = [pointed_at(item, prompts.positive) for item in items]
        first = items[0]
        items.sort(key=lambda item: item.area)
        return self._answer(embedding, items, next(i for i, item in enumerate(items) if item is first))

    def _meant(self, embedding: Embedding, pool: Pool, many: bool, prompts: Prompts) -> Decoded:
        """Return the suggested mask alone."""
        if many and not self.model.sam.config.windowed:
            return pool[_surest(pool)]
        return self._chosen(embedding, pool, many, prompts, 1)[0]

    def _chosen(
        self, embedding: Embedding, pool: Pool, many: bool, prompts: Prompts, count: int
    ) -> list[Decoded]:
        """Return so many masks to show, the suggested one first.

        A box says at which scale its object is; masks of other scales have a say in the outline only.
        """
        boxed = prompts.box is not None
        own = sum(each.frame == pool[0].frame for each in pool) if boxed else None
        rating = self.model.sam.candidate_rating
        if rating is None or len(rating.mean) != FEATURES:  # or made by another version
            return [pool[i] for i in rank(pool[:own], count)]
        alike = likeness(pool, embedding.shape, prompts)
        ratings = rate(rating, describe(pool, embedding.shape, prompts, alike))
        if many:
            missed = ~drawn_at(pool, prompts.positive).all(axis=1)
            ratings[missed, :2] -= 1  # without the click in it, a mask comes last
        return choose(pool, ratings, alike, count, ambiguous=many and not boxed, own=own)

    def _answer(self, embedding: Embedding, items: Sequence[Candidate], best: int) -> Candidates:
        return Candidates(embedding.shape, tuple(items), best, self.model.name, self.model.weights_hash)

    def draw(self, embedding: Embedding, decoded: Decoded) -> Candidate:
        """Draw one of the decoder's answers at the image's own pixels."""
        config = self.model.sam.config
        size = decoded.logits.shape[0]
        if config.windowed:
            return draw(decoded, *window_weights(decoded.frame, embedding.shape, size))
        extent = embedding.levels[0].extent
        weights = whole_weights(extent, embedding.shape, config.image_size, size)
        return draw(decoded, (0, 0), weights)


def _surest(pool: Pool) -> int:
    """Return which mask has the best predicted IoU."""
    return int(np.argmax([each.iou for each in pool]))


def _silent(done: int, total: int) -> None:
    """Report nothing."""


def _never() -> bool:
    return False
