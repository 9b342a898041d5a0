"""An object through a stack: from prompts in one plane or several to a mask in every plane that shows it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from napari_sam.errors import PromptError
from napari_sam.masks import Region
from napari_sam.predict import Predictor, Prompts
from napari_sam.progress import Cancel, Progress

from ..given import settings_given
from .volume_object import VolumeObject
from .walk import EmbeddingOf, PropagateSettings, Unread, Walk, plane_mask


def propagate(
    predictor: Predictor,
    embedding_of: EmbeddingOf,
    prompts: Mapping[int, Prompts],
    depth: int,
    *,
    given: Mapping[int, Region] | None = None,
    settings: PropagateSettings | None = None,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
    unread: Unread | None = None,
) -> VolumeObject:
    """Follow an object from the planes with prompts through the stack.

    Outwards, each next plane is asked with the mask before (its logits and its deepest point), and then
    at the answer's own deepest point alone, until the answer is empty, unlike the one before or unsure.
    Between two prompted planes the masks are interpolated by their signed distances, and the decoder
    refines what that gives; where it disagrees, the interpolation stays.

    Parameters
    ----------
    predictor : Predictor
    embedding_of : callable
        Returns the embedding of a plane; asked once a plane that is looked at.
    prompts : mapping of int to Prompts
        The object's prompts in each prompted plane.
    depth : int
        Number of planes.
    given : mapping of int to Region, optional
        Masks of prompted planes that stand whatever the decoder answers, such as a person's choices.
    settings : PropagateSettings, optional
    progress : callable, optional
        Called with the number of planes done and of all planes.
    cancelled : callable, optional
        Asked before each plane whether to stop.
    unread : callable, optional
        Called with a plane without prompts that cannot be read, and its `ImageError`: the object ends before
        it, or has no mask there between prompted planes. Without it, that is raised.

    Returns
    -------
    VolumeObject

    Raises
    ------
    PromptError
        If there are no prompts, a plane does not exist, or prompts give no mask.
    ImageError
        If another model made an embedding, or a plane cannot be read.
    Cancelled
        If `cancelled` said so.
    """
    if not prompts:
        raise PromptError("There are no prompts; point at the object in one plane at least.")
    for index in prompts:
        _check_plane(index, depth)
    settings = settings_given(settings, PropagateSettings)
    walk = Walk(predictor, embedding_of, depth, settings, progress, cancelled, given or {}, unread)
    return _walked(walk, dict(sorted(prompts.items())), depth)


def correct(
    predictor: Predictor,
    embedding_of: EmbeddingOf,
    volume: VolumeObject,
    plane: int,
    prompts: Prompts,
    *,
    given: Mapping[int, Region] | None = None,
    settings: PropagateSettings | None = None,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
    unread: Unread | None = None,
) -> VolumeObject:
    """Take over new prompts in one plane, and compute the planes up to the prompted ones beside it again.

    Parameters
    ----------
    predictor, embedding_of, given, settings, progress, cancelled, unread
        As in `propagate`.
    volume : VolumeObject
        Stays as it is.
    plane : int
        Where the object is wrong, or was prompted before.
    prompts : Prompts
        All of the object's prompts in that plane.

    Returns
    -------
    VolumeObject
        The masks of all other planes are the same objects as before.

    Raises
    ------
    PromptError, ImageError, Cancelled
        As `propagate` does.
    """
    depth = volume.shape[0]
    _check_plane(plane, depth)
    settings = settings_given(settings, PropagateSettings)
    walk = Walk(predictor, embedding_of, depth, settings, progress, cancelled, given or {}, unread)
    asked = walk.prompted(plane, prompts)
    here = plane_mask(asked, 1.0, "prompted")
    before = max((index for index in volume.prompts if index < plane), default=None)
    after = min((index for index in volume.prompts if index > plane), default=None)
    low, high = -1 if before is None else before, depth if after is None else after
    planes = {index: each for index, each in volume.planes.items() if index <= low or index >= high}
    planes[plane] = here
    if before is None:
        planes |= walk.outwards(asked, range(plane - 1, -1, -1))
    else:
        planes |= walk.between(before, volume.planes[before], plane, here)
    if after is None:
        planes |= walk.outwards(asked, range(plane + 1, depth))
    else:
        planes |= walk.between(plane, here, after, volume.planes[after])
    return walk.finished(planes, dict(sorted({**volume.prompts, plane: prompts}.items())))


def _walked(walk: Walk, prompts: Mapping[int, Prompts], depth: int) -> VolumeObject:
    """Ask in the prompted planes, which come in order, then between them, then outwards from the ends."""
    asked = {index: walk.prompted(index, each) for index, each in prompts.items()}
    planes = {index: plane_mask(item, 1.0, "prompted") for index, item in asked.items()}
    for first, last in pairwise(prompts):
        planes |= walk.between(first, planes[first], last, planes[last])
    lowest, highest = min(prompts), max(prompts)
    planes |= walk.outwards(asked[lowest], range(lowest - 1, -1, -1))
    planes |= walk.outwards(asked[highest], range(highest + 1, depth))
    return walk.finished(planes, dict(prompts))


def _check_plane(index: int, depth: int) -> None:
    if not 0 <= index < depth:
        raise PromptError(
            f"There is no plane {index}; the stack has {depth}, from 0 to {depth - 1}: prompt one of these."
        )
