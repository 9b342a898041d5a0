"""An object followed through the planes of a stack: masks in planes between and beyond those of a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from napari_sam.automatic.stack.volume import correct, propagate
from napari_sam.automatic.stack.volume_object import PlaneMask, Source, VolumeObject
from napari_sam.automatic.stack.walk import EmbeddingOf, Unread, expecting
from napari_sam.errors import PromptError
from napari_sam.predict import Embedding, Predictor
from napari_sam.progress import Cancel, Progress
from napari_sam.weights import LoadedModel

from .making import computed_by
from .objects import FOLLOW, FOLLOWED, Edit, Key, Object, Plane
from .session import AnnotationSession
from .store import ObjectStore


@dataclass(frozen=True, eq=False)
class Following:
    """What is to be followed, as it stands before it is.

    Attributes
    ----------
    key : (id, plane)
        The object that the person means.
    axis : int
        Which index of its plane runs.
    depth : int
        Number of planes along that axis.
    given : mapping of int to Object
        Its masks that a person made, by plane.
    followed : mapping of int to Object
        Those that come from following it before.
    """

    key: Key
    axis: int
    depth: int
    given: Mapping[int, Object]
    followed: Mapping[int, Object]

    @classmethod
    def of(cls, store: ObjectStore, key: Key, axis: int, depth: int) -> Following:
        """Find all masks of an object's label along an axis.

        Raises
        ------
        PromptError
            If there is no such object, or none of its masks was made by a person.
        """
        label, plane = key
        if key not in store:
            raise PromptError("There is no object to follow here; commit one in this plane first.")
        there = {
            each.plane[axis]: each
            for each in store
            if each.id == label and without(each.plane, axis) == without(plane, axis)
        }
        given = {index: each for index, each in sorted(there.items()) if each.level not in FOLLOWED}
        if not given:
            raise PromptError(f"No mask of label {label} was made by hand; reopen one and commit it.")
        followed = {index: each for index, each in sorted(there.items()) if index not in given}
        return cls(key, axis, depth, given, followed)

    @property
    def centre(self) -> tuple[float, float]:
        """Row and column of the middle of the object that the person means."""
        nearest = min(self.given, key=lambda index: abs(index - self.key[1][self.axis]))
        return self.given[nearest].centre

    def plane(self, index: int) -> Plane:
        """Return a plane along the axis."""
        plane = self.key[1]
        return (*plane[: self.axis], index, *plane[self.axis + 1 :])

    def run(
        self,
        predictor: Predictor,
        embedding_of: EmbeddingOf,
        *,
        progress: Progress | None = None,
        cancelled: Cancel | None = None,
        unread: Unread | None = None,
    ) -> tuple[Object, ...]:
        """Follow the object; its masks that a person made are asked with, and stay as they are.

        Where it was followed before and the person means a mask of their own, what lies beyond the
        next masks of theirs is taken over.

        Parameters
        ----------
        predictor, embedding_of, progress, cancelled, unread
            As `propagate` takes them.

        Returns
        -------
        tuple of Object
            In all other planes that show it.

        Raises
        ------
        PromptError, ImageError, Cancelled
            As `propagate` does.
        """
        given = {index: (each.origin, each.mask) for index, each in self.given.items()}
        prompts = {index: expecting(region) for index, region in given.items()}
        seen: dict[int, Mapping[str, Any]] = {}

        def noted(index: int) -> Embedding:
            embedding = embedding_of(index)
            seen[index] = embedding.normalization.to_dict()
            return embedding

        here = self.key[1][self.axis]
        options = {"given": given, "progress": progress, "cancelled": cancelled, "unread": unread}
        if here in prompts and len(prompts) > 1 and self.followed:
            asked = prompts.pop(here)
            volume = VolumeObject(self._planes(), prompts, (self.depth, 0, 0))
            volume = correct(predictor, noted, volume, here, asked, **options)  # type: ignore[arg-type]
        else:
            volume = propagate(predictor, noted, prompts, self.depth, **options)  # type: ignore[arg-type]
        return tuple(
            self._object(index, each, predictor.model, seen.get(index))
            for index, each in volume.planes.items()
            if index not in self.given and each.mask.any()
        )

    def _planes(self) -> dict[int, PlaneMask]:
        """Return the masks that there are as those of a volume."""
        every = {**self.given, **self.followed}
        return {index: _plane_mask(every[index]) for index in sorted(every)}

    def _object(
        self, index: int, each: PlaneMask, model: LoadedModel, normalization: Mapping[str, Any] | None
    ) -> Object:
        """Return a mask as an object: as it was made if it was taken over, or else by whom it is now."""
        before = self.followed.get(index)
        if before is not None and before.mask is each.mask:
            return before
        nearest = self.given[min(self.given, key=lambda known: abs(known - index))]
        return Object(
            nearest.id,
            self.plane(index),
            each.origin,
            each.mask,
            level=each.source,
            iou_prediction=each.iou_prediction,
            model=model.name,
            weights_hash=model.weights_hash,
            **computed_by(model),
            normalization=normalization,
            category=nearest.category,
            note=nearest.note,
        )


def put(session: AnnotationSession, plan: Following, found: tuple[Object, ...]) -> Edit:
    """Put what was found in the place of what was followed before, in one step.

    Raises
    ------
    PromptError
        If the object was changed meanwhile.
    """
    now = Following.of(session.store, plan.key, plan.axis, plan.depth)
    if _masks(now) != _masks(plan):
        raise PromptError(f"Label {plan.key[0]} was changed meanwhile; follow it again.")
    arguments = {"axis": plan.axis, "planes": sorted(plan.given)}
    return session.put(FOLLOW, tuple(plan.followed.values()), found, **arguments)


def join(session: AnnotationSession, one: Key, other: Key) -> Edit:
    """Give an object the label of another one, in all of its planes, so that both are one object.

    Raises
    ------
    PromptError
        If both are in one plane.
    """
    masks = session.of_labels((one[0], other[0]))
    twice = next(
        (plane for label, plane in masks if label != one[0] and (one[0], plane) in session.store), None
    )
    if twice is not None:
        raise PromptError(
            f"Labels {one[0]} and {other[0]} are both in plane {', '.join(map(str, twice))}; delete one"
            " of them there, and join again."
        )
    return session.edit("join", [one, *masks])


def without(plane: Plane, axis: int) -> Plane:
    """Return a plane's indices but for one."""
    return (*plane[:axis], *plane[axis + 1 :])


def _masks(plan: Following) -> set[int]:
    return {id(each.mask) for each in (*plan.given.values(), *plan.followed.values())}


def _plane_mask(each: Object) -> PlaneMask:
    sources: dict[str, Source] = {name: name for name in get_args(Source)}
    promised = 1.0 if each.iou_prediction is None else each.iou_prediction
    return PlaneMask(each.origin, each.mask, promised, 1.0, sources.get(each.level, "prompted"))
