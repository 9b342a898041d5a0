from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam import __version__
from napari_sam.errors import Cancelled, ImageError, PromptError
from napari_sam.predict import Embedding, Predictor, Prompts
from napari_sam.session import AnnotationSession, Key, Object
from napari_sam.session.following import Following, join, put
from napari_sam.weights import load_model

DEPTH = 9


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(load_model("cell-tiny", "cpu", precision="float32"))


@pytest.fixture(scope="module")
def truth() -> NDArray[np.bool_]:
    """A ball in planes 1 to 7, whose middle moves down."""
    z, y, x = np.ogrid[:DEPTH, :96, :96]
    return np.asarray(((z - 4) / 3.5) ** 2 + ((y - 40 - z) ** 2 + (x - 48) ** 2) / 18**2 <= 1)


@pytest.fixture(scope="module")
def embeddings(predictor: Predictor, truth: NDArray[np.bool_]) -> dict[int, Embedding]:
    rng = np.random.default_rng(0)
    light = ndimage.gaussian_filter(truth.astype(float), (0, 1, 1)) * 180 + rng.normal(20, 4, truth.shape)
    stack = np.repeat(np.clip(light, 0, 255)[..., None], 3, axis=-1)
    return {index: predictor.embed(plane, normalization=None) for index, plane in enumerate(stack)}


@pytest.fixture
def session(predictor: Predictor, embeddings: dict[int, Embedding]) -> AnnotationSession:
    """A session in which the ball was committed in plane 4 of the second of two stacks."""
    session = AnnotationSession()
    commit(session, predictor, embeddings, 4)
    return session


def commit(
    session: AnnotationSession, predictor: Predictor, embeddings: dict[int, Embedding], plane: int
) -> Key:
    session.open(predictor, embeddings[plane], (1, plane))
    session.set_prompts([Prompts(points=[(40 + plane, 48)], point_labels=[1])])
    (made,) = session.commit()
    return made.key


def masks(session: AnnotationSession, label: int) -> dict[int, Object]:
    return {each.plane[1]: each for each in session.objects if each.id == label}


def iou(session: AnnotationSession, label: int, truth: NDArray[np.bool_]) -> float:
    found = np.zeros_like(truth)
    for index, each in masks(session, label).items():
        found[index][each.window[-2:]] |= each.mask
    return float((found & truth).sum() / (found | truth).sum())


def test_following_when_run_and_put_then_one_step_gives_a_mask_a_plane_with_the_same_label(
    session: AnnotationSession,
    predictor: Predictor,
    embeddings: dict[int, Embedding],
    truth: NDArray[np.bool_],
) -> None:
    (begun,) = session.objects
    calls: list[tuple[int, int]] = []
    plan = Following.of(session.store, begun.key, 1, DEPTH)
    found = plan.run(predictor, embeddings.__getitem__, progress=lambda *far: calls.append(far))
    assert len(session.objects) == 1
    edit = put(session, plan, found)
    assert edit.what == "follow"
    assert edit.arguments == {"axis": 1, "planes": [4]}
    assert {each.id for each in session.objects} == {1}
    assert {each.plane[0] for each in session.objects} == {1}
    assert masks(session, 1)[4] is begun
    assert {each.level for index, each in masks(session, 1).items() if index != 4} == {"propagated"}
    assert all(each.made for each in session.objects)
    assert iou(session, 1, truth) > 0.8
    assert calls[-1] == (DEPTH, DEPTH)
    session.undo()
    assert session.objects == (begun,)
    session.redo()
    assert len(session.objects) == len(found) + 1


def test_following_when_a_plane_was_corrected_then_its_side_is_done_again_and_the_rest_stays(
    session: AnnotationSession, predictor: Predictor, embeddings: dict[int, Embedding]
) -> None:
    plan = Following.of(session.store, (1, (1, 4)), 1, DEPTH)
    put(session, plan, plan.run(predictor, embeddings.__getitem__))
    before = masks(session, 1)
    session.open(predictor, embeddings[6], (1, 6))
    session.reopen((1, (1, 6)))
    session.set_prompts([Prompts(points=[(46, 48)], point_labels=[1])])
    session.commit()
    plan = Following.of(session.store, (1, (1, 6)), 1, DEPTH)
    assert sorted(plan.given) == [4, 6]
    put(session, plan, plan.run(predictor, embeddings.__getitem__))
    after = masks(session, 1)
    assert after[5].level == "interpolated"
    assert after[6].prompts is not None
    for index in (2, 3):
        assert after[index] is before[index]  # made then, by the model of then
    session.undo()
    session.undo()
    assert masks(session, 1) == before


def test_following_when_a_mask_was_painted_or_smoothed_then_it_counts_as_given(
    session: AnnotationSession, predictor: Predictor, embeddings: dict[int, Embedding]
) -> None:
    plan = Following.of(session.store, (1, (1, 4)), 1, DEPTH)
    put(session, plan, plan.run(predictor, embeddings.__getitem__))
    window = (slice(44, 48), slice(46, 50))
    session.paint((1, 5), window, np.zeros((4, 4), int))
    session.edit("smooth", [(1, (1, 3))], radius=4.0)
    painted, smoothed = masks(session, 1)[5], masks(session, 1)[3]
    plan = Following.of(session.store, (1, (1, 5)), 1, DEPTH)
    assert sorted(plan.given) == [3, 4, 5]
    put(session, plan, plan.run(predictor, embeddings.__getitem__))
    assert masks(session, 1)[5] is painted
    assert masks(session, 1)[3] is smoothed


def test_following_from_a_mask_that_was_painted_then_tells_what_computed_the_others_and_on_what(
    predictor: Predictor, embeddings: dict[int, Embedding], truth: NDArray[np.bool_]
) -> None:
    session = AnnotationSession()
    session.put("paint", (), (Object(1, (0, 4), (0, 0), truth[4], score=0.5, software="0.0.1"),))
    plan = Following.of(session.store, (1, (0, 4)), 1, DEPTH)
    for each in plan.run(predictor, embeddings.__getitem__):
        assert (each.device, each.precision, each.software) == ("cpu", "float32", __version__)
        assert each.normalization == embeddings[each.plane[1]].normalization.to_dict()
        assert each.score is None


def test_join_when_two_planes_were_committed_then_what_lies_between_is_followed_as_one(
    session: AnnotationSession,
    predictor: Predictor,
    embeddings: dict[int, Embedding],
    truth: NDArray[np.bool_],
) -> None:
    other = commit(session, predictor, embeddings, 2)
    assert other == (2, (1, 2))
    session.edit("describe", [other], category="nucleus")
    for label, plane in ((1, 5), (2, 1)):  # both were followed before
        there = session.store[label, (1, 4 if label == 1 else 2)]
        session.put("follow", (), (replace(there, plane=(1, plane), level="propagated"),))
    join(session, (1, (1, 4)), other)
    assert {each.key for each in session.objects} == {(1, (1, plane)) for plane in (1, 2, 4, 5)}
    assert {each.category for each in session.objects} == {"nucleus"}
    plan = Following.of(session.store, (1, (1, 4)), 1, DEPTH)
    put(session, plan, plan.run(predictor, embeddings.__getitem__))
    assert masks(session, 1)[3].level == "interpolated"
    assert iou(session, 1, truth) > 0.8
    again = commit(session, predictor, embeddings, 3)
    with pytest.raises(PromptError, match="Labels 1 and 3 are both in plane 1, 3"):
        join(session, (1, (1, 4)), again)
    with pytest.raises(PromptError, match="different planes"):
        session.edit("join", [(1, (1, 3)), again])


def test_following_when_planes_cannot_be_read_then_what_lies_before_them_is_kept_and_they_are_told(
    session: AnnotationSession, predictor: Predictor, embeddings: dict[int, Embedding]
) -> None:
    damaged = ImageError("The pixels cannot be read; repair the file.")

    def embedding_of(index: int) -> Embedding:
        if index in (5, 7):
            raise damaged
        return embeddings[index]

    plan, unread = Following.of(session.store, (1, (1, 4)), 1, DEPTH), dict[int, ImageError]()
    found = plan.run(predictor, embedding_of, unread=unread.__setitem__)
    assert unread == {5: damaged}
    assert [each.plane[1] for each in found] == [1, 2, 3]
    with pytest.raises(ImageError, match="repair the file"):
        plan.run(predictor, embedding_of)

    unread.clear()
    join(session, (1, (1, 4)), commit(session, predictor, embeddings, 6))
    plan = Following.of(session.store, (1, (1, 4)), 1, DEPTH)
    found = plan.run(predictor, embedding_of, unread=unread.__setitem__)
    assert list(unread) == [5, 7]
    assert [each.plane[1] for each in found] == [1, 2, 3]


def test_following_when_it_cannot_be_done_then_says_so_and_nothing_changes(
    session: AnnotationSession, predictor: Predictor, embeddings: dict[int, Embedding]
) -> None:
    with pytest.raises(PromptError, match="no object to follow"):
        Following.of(session.store, (9, (1, 4)), 1, DEPTH)
    plan = Following.of(session.store, (1, (1, 4)), 1, DEPTH)
    with pytest.raises(Cancelled):
        plan.run(predictor, embeddings.__getitem__, cancelled=lambda: True)
    found = plan.run(predictor, embeddings.__getitem__)
    session.edit("smooth", [(1, (1, 4))])
    with pytest.raises(PromptError, match="changed meanwhile"):
        put(session, plan, found)
    assert len(session.objects) == 1
