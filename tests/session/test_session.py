from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_sam.errors import PromptError
from napari_sam.predict import Predictor, Prompts
from napari_sam.session import AnnotationSession, Object
from napari_sam.session.journal.object_json import as_json, from_json
from napari_sam.weights import LoadedModel

IMAGE = np.zeros((120, 160), np.uint8)


@pytest.fixture
def session(discs: LoadedModel) -> AnnotationSession:
    session = AnnotationSession()
    predictor = Predictor(discs)
    session.open(predictor, predictor.embed(IMAGE))
    return session


class Ear:
    """Listens to everything a session says."""

    def __init__(self, session: AnnotationSession) -> None:
        self.heard: list[tuple[str, Any]] = []
        session.proposed.connect(
            lambda proposals: self.heard.append(("proposed", [len(p.candidates) for p in proposals]))
        )
        session.edited.connect(
            lambda edit: self.heard.append(
                (edit.what, [o.id for o in edit.before], [o.id for o in edit.after])
            )
        )


def test_session_walks_from_a_click_to_an_object_and_back(session: AnnotationSession) -> None:
    ear = Ear(session)
    session.set_prompts([Prompts([(40, 50)], [1])])
    second = session.proposals[0].candidates.items[1]
    (made,) = session.commit(1)
    assert made.id == 1
    assert made.choice == 1
    assert made.origin == second.origin
    assert np.array_equal(made.mask, second.mask)
    assert made.mask[40 - made.origin[0], 50 - made.origin[1]]
    assert made.prompts.positions.tolist() == [[40, 50]]
    assert (made.model, made.weights_hash) == ("discs", "discs")
    assert session.proposals == ()
    undone = session.undo()
    assert undone is not None
    assert undone.after == (made,)
    assert session.objects == ()
    assert session.redo() is undone
    assert session.objects == (made,)
    assert ear.heard == [
        ("proposed", [3]), ("proposed", []), ("commit", [], [1]), ("commit", [1], []), ("commit", [], [1]),
    ]  # fmt: skip


def test_commit_without_a_choice_takes_the_suggested_candidate(session: AnnotationSession) -> None:
    session.set_prompts([Prompts([(40, 50)], [1])])
    best = session.proposals[0].candidates.best
    (made,) = session.commit()
    assert made.choice == best
    assert made.iou_prediction == session.objects[0].iou_prediction == pytest.approx(0.9)


def test_commit_gives_every_object_a_label_of_its_own_also_after_undo(session: AnnotationSession) -> None:
    session.reserve(6)
    for point in ((20, 20), (60, 60)):
        session.set_prompts([Prompts([point], [1])])
        session.commit()
    session.undo()
    session.set_prompts([Prompts([(90, 90)], [1])])
    session.commit()
    assert [each.id for each in session.objects] == [7, 9]
    assert not session.history.undone


def test_commit_of_many_boxes_is_one_step(session: AnnotationSession) -> None:
    boxes = [Prompts(box=(10, 10, 30, 30)), Prompts(box=(60, 60, 80, 80)), Prompts(box=(80, 20, 95, 40))]
    session.set_prompts(boxes)
    step = session.commit()
    assert [each.id for each in step] == [1, 2, 3]
    assert [each.prompts for each in step] == boxes
    undone = session.undo()
    assert undone is not None
    assert undone.after == step
    assert not session.history.done


@pytest.mark.parametrize("choice", [-1, 3])
def test_commit_of_a_candidate_that_is_not_there_says_so_and_keeps_the_prompts(
    session: AnnotationSession, choice: int
) -> None:
    session.set_prompts([Prompts([(40, 50)], [1])])
    with pytest.raises(PromptError, match="no candidate"):
        session.commit(choice)
    assert session.proposals


def test_commit_without_candidates_or_of_an_empty_mask_says_so(session: AnnotationSession) -> None:
    with pytest.raises(PromptError, match="no candidates"):
        session.commit()
    (proposal,) = session.answer([Prompts([(40, 50)], [1])])
    nothing = replace(proposal.candidates.items[0], mask=np.zeros((0, 0), bool))
    session.propose((replace(proposal, candidates=replace(proposal.candidates, items=(nothing,), best=0)),))
    with pytest.raises(PromptError, match="empty"):
        session.commit()
    assert session.objects == ()


def test_answer_before_the_image_is_embedded_says_so() -> None:
    with pytest.raises(PromptError, match="not embedded yet"):
        AnnotationSession().answer([Prompts([(1, 1)], [1])])


def test_answer_after_one_more_point_decodes_once_and_equals_the_whole_sequence(
    small: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor(small)
    image = np.random.default_rng(0).integers(0, 255, IMAGE.shape).astype(np.uint8)
    embedding = predictor.embed(image)
    session = AnnotationSession()
    session.open(predictor, embedding)
    asked: list[int] = []
    predict = predictor.predict

    def counted(*args: Any, **options: Any) -> Any:
        asked.append(len(args[1].positions))
        return predict(*args, **options)

    monkeypatch.setattr(predictor, "predict", counted)
    points, labels = [(40.0, 50.0), (45.0, 60.0), (20.0, 20.0)], [1, 1, 0]
    for count in (1, 2, 3, 2):
        (last,) = session.answer([Prompts(points[:count], labels[:count])])
    assert asked == [1, 2, 3]
    fresh = Predictor(small).predict_sequence(embedding, Prompts(points[:2], labels[:2]))
    assert np.array_equal(last.candidates.masks, fresh.masks)


def test_open_on_another_plane_drops_candidates_and_keeps_objects(
    session: AnnotationSession, discs: LoadedModel
) -> None:
    session.set_prompts([Prompts([(40, 50)], [1])])
    (first,) = session.commit()
    session.set_prompts([Prompts([(80, 50)], [1])])
    predictor = Predictor(discs)
    session.open(predictor, predictor.embed(IMAGE), plane=(4,))
    assert session.proposals == ()
    session.set_prompts([Prompts([(40, 50)], [1])])
    (second,) = session.commit()
    assert session.objects == (first, second)
    assert second.plane == (4,)
    assert second.window[0] == 4
    session.close()
    assert not session.ready


def masks_of(session: AnnotationSession) -> dict[Any, tuple[int, int]]:
    return {each.key: each.origin for each in session.objects}


def test_reopened_in_one_plane_when_committed_in_another_then_both_are_there(
    session: AnnotationSession, discs: LoadedModel
) -> None:
    predictor, freed = Predictor(discs), []
    session.released.connect(lambda: freed.append(True))
    for plane in ((0,), (1,)):
        session.open(predictor, predictor.embed(IMAGE), plane)
        session.set_prompts([Prompts([(40, 50)], [1])])
        session.commit()
    session.reopen((1, (0,)))
    session.set_prompts([Prompts([(80, 90)], [1])])
    before = masks_of(session)
    (made,) = session.commit()
    assert made.key == (3, (1,))
    assert masks_of(session) == {**before, made.key: made.origin}
    session.reopen((1, (0,)))
    session.open(predictor, predictor.embed(IMAGE), (1,))
    assert (session.reopened, freed) == (None, [True])
    session.reopen((made.id, (1,)))
    session.open(predictor, predictor.embed(IMAGE), (1,))
    session.set_prompts([Prompts([(20, 20)], [1])])
    (again,) = session.commit()
    assert again.key == made.key
    assert masks_of(session) == {**before, made.key: again.origin}


def test_join_when_the_label_is_in_the_other_plane_then_refused_and_nothing_changes() -> None:
    session, mask = AnnotationSession(), np.ones((4, 4), bool)
    session.put("commit", (), (Object(1, (0,), (0, 0), mask), Object(1, (1,), (8, 0), mask)))
    session.put("commit", (), (Object(2, (1,), (30, 0), mask),))
    before = masks_of(session)
    with pytest.raises(PromptError, match="Label 1 is in that plane already"):
        session.edit("join", [(1, (0,)), (2, (1,))])
    assert masks_of(session) == before
    session.edit("join", [(2, (1,)), (1, (0,))])
    assert masks_of(session) == {(2, (0,)): (0, 0), (1, (1,)): (8, 0), (2, (1,)): (30, 0)}
    session.undo()
    assert masks_of(session) == before


def test_an_undone_commit_when_its_label_was_painted_since_then_is_not_brought_back_over_it() -> None:
    session, mask = AnnotationSession(), np.ones((4, 4), bool)
    session.put("commit", (), (Object(1, (), (0, 0), mask),))
    session.undo()
    session.adopt([Object(1, (), (9, 9), mask)])
    assert session.redo() is None
    assert masks_of(session) == {(1, ()): (9, 9)}
    session.undo()
    assert masks_of(session) == {}


@pytest.mark.parametrize("dtype", ["uint8", "uint64", "int64"])
def test_paint_in_labels_of_any_dtype_then_labels_are_integers(dtype: str) -> None:
    session = AnnotationSession()
    labels = np.zeros((8, 8), dtype)
    labels[2:4, 2:4] = 5
    window = (slice(0, 8), slice(0, 8))
    session.paint((), window, labels)
    labels[2:4, 2:3] = 0
    session.paint((), window, labels)
    (each,) = session.objects
    assert (type(each.id), each.id, each.area, session.next_id) == (int, 5, 2, 6)
    assert json.dumps(as_json(each)["id"]) == "5"
    assert type(from_json({**as_json(each), "id": 5.0}).id) is int  # as it was written before
