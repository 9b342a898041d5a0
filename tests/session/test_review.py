from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_sam.errors import PromptError
from napari_sam.predict import Predictor, Prompts
from napari_sam.session import AnnotationSession, Edit, Object
from napari_sam.session.journal.journal import Journal
from napari_sam.session.journal.record import read_record
from napari_sam.session.review import Review
from napari_sam.session.review import _doubt as doubt
from napari_sam.weights import LoadedModel

IMAGE = np.zeros((120, 160), np.uint8)


@pytest.fixture
def session(discs: LoadedModel) -> AnnotationSession:
    session = AnnotationSession(author="me", clock=lambda: "now")
    predictor = Predictor(discs)
    session.open(predictor, predictor.embed(IMAGE))
    return session


@pytest.fixture
def review(session: AnnotationSession) -> Review:
    return Review(session)


def square(number: int, origin: tuple[int, int], score: float, side: int = 10) -> Object:
    """Return a proposal as a search makes it."""
    box = (origin[0] - 0.5, origin[1] - 0.5, origin[0] + side - 0.5, origin[1] + side - 0.5)
    mask = np.ones((side, side), bool)
    return Object(
        number,
        (),
        origin,
        mask,
        Prompts(box=box),
        score=score,
        iou_prediction=score,
        model="m",
        weights_hash="h",
    )


THREE = (square(1, (0, 0), 0.9), square(2, (0, 40), 0.2), square(3, (40, 0), 0.6))


def ids(proposals: tuple[Object, ...]) -> list[int]:
    return [each.id for each in proposals]


def test_a_review_walks_from_proposals_to_objects_and_back(
    review: Review, session: AnnotationSession
) -> None:
    told: list[list[int]] = []
    review.changed.connect(lambda: told.append(ids(review.open)))
    review.put(Edit("found", (), THREE))
    assert told[-1] == [2, 3, 1]  # the least sure first
    assert review.current is THREE[1]
    assert session.objects == ()
    review.reject([review.current])
    assert (told[-1], review.rejected) == ([3, 1], 1)
    assert review.current is THREE[2]
    made = review.accept(review.above(0.5))
    assert [(each.id, each.origin, each.score) for each in made] == [(1, (40, 0), 0.6), (2, (0, 0), 0.9)]
    assert told[-1] == []
    assert review.current is None
    assert session.objects == made
    undone = session.undo()
    assert undone is not None
    assert undone.what == "accept"
    assert session.objects == ()
    assert told[-1] == [3, 1]
    session.redo()
    assert (session.objects, told[-1]) == (made, [])
    review.bring_back()
    assert (told[-1], review.rejected) == ([2], 0)


def test_accepted_objects_then_know_what_made_them_and_come_back_from_the_journal(
    review: Review, session: AnnotationSession, tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "journal", IMAGE.shape)
    journal.follow(session)
    review.put(Edit("found", (), THREE))
    review.accept(review.open)
    review.put(Edit("found", (), (square(9, (80, 80), 0.4),)))
    review.accept(review.open)
    session.undo()
    journal.close()
    again = AnnotationSession()
    back = Journal(tmp_path / "journal", IMAGE.shape)
    back.follow(again)
    assert [each.score for each in again.objects] == [0.2, 0.6, 0.9]
    first = again.objects[0]
    assert (first.model, first.weights_hash, first.author, first.made) == ("m", "h", "me", "now")
    assert first.iou_prediction == 0.2
    assert first.prompts is not None
    assert first.prompts.box == (-0.5, 39.5, 9.5, 49.5)
    again.undo()
    assert again.objects == ()
    again.redo()
    again.redo()
    assert len(again.objects) == 4
    back.close()


def test_proposals_when_committed_objects_have_taken_them_then_are_left_out_until_those_are_gone(
    review: Review, session: AnnotationSession
) -> None:
    session.adopt([square(50, (2, 0), 1.0)])
    inside = square(4, (37, 37), 0.3, side=30)  # around a committed one
    session.accept([square(1, (45, 45), 1.0)])
    review.put(Edit("found", (), (*THREE, inside)))
    assert ids(review.open) == [2, 3]
    session.undo()
    assert ids(review.open) == [2, 4, 3]
    session.edit("delete", [(50, ())])
    assert ids(review.open) == [2, 4, 3, 1]


def test_a_proposal_when_the_object_over_it_is_made_smaller_then_is_open_again(
    review: Review, session: AnnotationSession
) -> None:
    session.adopt([square(50, (0, 0), 1.0, side=60)])
    review.put(Edit("found", (), THREE))
    assert review.open == ()
    labels = np.zeros((60, 60), int)
    labels[:20, :20] = 50
    session.paint((), (slice(0, 60), slice(0, 60)), labels)
    assert ids(review.open) == [2, 3]


def test_a_proposal_when_corrected_then_the_next_commit_takes_its_place(
    review: Review, session: AnnotationSession
) -> None:
    review.put(Edit("found", (), THREE))
    third = THREE[2]
    review.choose(third.key)
    assert third.prompts is not None
    review.correct(third)
    session.set_prompts([Prompts([(100, 100)], [1])])  # far away, so that only the correction closes it
    assert ids(review.open) == [2, 3, 1]
    session.commit(0)
    assert ids(review.open) == [2, 1]
    assert review.current is THREE[0]
    session.undo()
    assert ids(review.open) == [2, 3, 1]
    assert review.current is third
    session.redo()
    assert ids(review.open) == [2, 1]


def test_one_accepted_proposal_when_undone_then_is_looked_at_again(
    review: Review, session: AnnotationSession
) -> None:
    review.put(Edit("found", (), THREE))
    review.accept([THREE[1]])
    review.step(1)
    assert review.current is THREE[0]
    session.undo()
    assert review.current is THREE[1]
    review.accept(review.open[1:])
    session.undo()  # of several there is no one to look at
    assert review.current is THREE[1]


def test_a_correction_when_given_up_then_the_next_commit_is_an_object_of_its_own(
    review: Review, session: AnnotationSession
) -> None:
    review.put(Edit("found", (), THREE))
    review.correct(THREE[2])
    session.release()
    session.set_prompts([Prompts([(100, 100)], [1])])
    session.commit(0)
    assert ids(review.open) == [2, 3, 1]


def test_a_rejected_proposal_when_found_again_then_stays_rejected_and_its_parts_do_not(
    review: Review,
) -> None:
    review.put(Edit("found", (), THREE))
    review.reject([THREE[0]])
    again, part = square(11, (1, 0), 0.9), square(12, (0, 0), 0.9, side=5)
    review.put(Edit("found", THREE, (again, part)))
    assert ids(review.open) == [12]
    review.clear()
    assert (review.open, review.rejected, review.current) == ((), 0, None)
    assert review.next_id == 13


def test_a_rejection_when_undone_then_the_proposal_is_back_and_looked_at_in_turn_with_commits(
    review: Review, session: AnnotationSession
) -> None:
    review.put(Edit("found", (), THREE))
    review.reject([THREE[1]])
    review.accept([THREE[2]])
    review.reject([THREE[0]])
    assert (review.open, review.rejected) == ((), 2)
    session.undo()
    assert (ids(review.open), review.rejected, review.current) == ([1], 1, THREE[0])
    session.undo()
    assert (ids(review.open), session.objects) == ([3, 1], ())
    session.undo()
    assert (ids(review.open), review.rejected, review.current) == ([2, 3, 1], 0, THREE[1])
    session.redo()
    assert (ids(review.open), review.rejected, review.current) == ([3, 1], 1, THREE[2])
    review.bring_back()
    assert ids(review.open) == [2, 3, 1]
    session.undo()
    assert (ids(review.open), review.rejected) == ([3, 1], 1)
    again = square(11, (1, 40), 0.2)
    review.put(Edit("found", THREE, (again,)))  # a new search finds it again, and it stays rejected
    assert review.open == ()
    session.undo()
    assert (review.open, review.rejected) == ((again,), 0)


def test_rejections_then_are_no_part_of_the_journal(
    review: Review, session: AnnotationSession, tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "journal", IMAGE.shape)
    journal.follow(session)
    review.put(Edit("found", (), THREE))
    review.accept([THREE[0]])
    review.reject([THREE[1]])
    review.accept([THREE[2]])
    session.undo()
    session.undo()
    session.undo()
    session.redo()
    journal.close()
    record = read_record(tmp_path / "journal")
    assert [edit.what for edit in (*record.done, *record.undone)] == ["accept", "accept"]
    assert [each.origin for each in record.objects] == [THREE[0].origin]


def test_an_answer_then_is_told_once_and_the_next_in_order_is_looked_at(
    review: Review, session: AnnotationSession
) -> None:
    review.put(Edit("found", (), THREE))
    told: list[Object | None] = []
    review.changed.connect(lambda: told.append(review.current))
    review.choose(THREE[2].key)
    review.accept([THREE[2]])
    session.undo()
    review.reject([THREE[0]])
    session.undo()
    session.adopt([square(9, (0, 40), 1.0)])
    assert told == [THREE[2], THREE[0], THREE[2], THREE[2], THREE[0], THREE[0]]
    session.edit("describe", [session.objects[0].key], category="cell")
    assert len(told) == 6


def test_at_a_position_then_the_smallest_open_proposal(review: Review) -> None:
    small, large = square(4, (3, 3), 0.1, side=2), square(5, (0, 0), 0.3, side=12)
    review.put(Edit("found", (), (small, large)))
    assert [review.at((), *place) for place in ((3.4, 4.4), (0, 0), (11, 2.6), (12, 12))] == [
        small, large, large, None,
    ]  # fmt: skip
    review.reject([small])
    assert review.at((), 3.4, 4.4) is large
    assert review.at((1,), 0, 0) is None


def test_steps_then_go_round_and_keep_to_the_order(review: Review) -> None:
    review.step(1)
    assert review.current is None
    review.put(Edit("found", (), THREE))
    seen = []
    for by in (1, 1, 1, -1):
        review.step(by)
        assert review.current is not None
        seen.append(review.current.id)
    assert seen == [3, 1, 2, 1]
    with pytest.raises(PromptError, match="no proposal to accept"):
        review.accept(review.above(0.95))
    doubtful = replace(THREE[0], score=0.1)  # joined in another window, with its label
    review.put(Edit("found", (THREE[0],), (doubtful,)))
    assert (ids(review.open), review.place, review.current) == ([1, 2, 3], 0, doubtful)


def test_an_answer_when_there_are_many_proposals_then_the_others_are_not_ordered_anew(
    review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [square(number, (20 * number, 0), number % 10 / 10) for number in range(1, 201)]
    review.put(Edit("found", (), tuple(many)))
    compared: list[Object] = []
    monkeypatch.setattr(f"{Review.__module__}._doubt", lambda each: compared.append(each) or doubt(each))
    first, second = review.open[:2]
    review.reject([first])
    review.step(1)
    review.accept([second])
    assert review.current is review.open[review.place]
    assert 0 < len(compared) < 20


def test_a_review_when_closed_then_hears_nothing_of_its_session(
    review: Review, session: AnnotationSession
) -> None:
    review.put(Edit("found", (), THREE))
    review.close()
    session.accept(THREE)
    assert len(review.open) == 3
