"""Sessions with the bundled model, written down and made again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from napari_sam import __version__
from napari_sam.errors import WeightsError
from napari_sam.predict import PlaneWindow, Predictor, Prompts
from napari_sam.session import AnnotationSession, Edit, Object
from napari_sam.session.embeddings import EmbeddingStore
from napari_sam.session.journal.journal import Journal
from napari_sam.session.journal.record import Record, read_record, steps_of
from napari_sam.session.journal.replay import replay
from napari_sam.session.opening import Opener
from napari_sam.weights import load_model

CELLS = ((157.0, 57.0), (215.0, 98.0), (115.0, 212.0))


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(load_model("cell-tiny", "cpu"))


@pytest.fixture(scope="module")
def stack(data_folder: Path) -> Any:
    """Return two planes, (2, Y, X) of 16 bits."""
    with Image.open(data_folder / "dsb2018" / "images" / "4327d2759187.png") as opened:
        grey = np.asarray(opened.convert("L"))[:256, :240]
    return np.stack([grey, grey // 2]).astype(np.uint16) * 11 + 300


def start(path: Path, shape: tuple[int, ...]) -> AnnotationSession:
    session, journal = AnnotationSession(author="a person"), Journal(path, shape)
    journal.follow(session)
    return session


def look_at(session: AnnotationSession, predictor: Predictor, image: Any, plane: int, tmp_path: Path) -> None:
    """Open a plane as the widget does, and of the second one a window only."""
    opener = Opener(EmbeddingStore(tmp_path / "cache"))
    pixels = image[plane]
    window = PlaneWindow((32, 16), (200, 210), pixels.shape)
    if not plane:
        window = opener.wanted(pixels.shape, np.array([(9.0, 9.0)]))
    opened = opener.embed(predictor, lambda part: pixels[part.index], window)
    session.open(opened.predictor, opened.embedding, (plane,))


def point(*positions: tuple[float, float], labels: Any = None, mask: Any = None) -> Prompts:
    return Prompts(positions, [1] * len(positions) if labels is None else labels, mask=mask)


def annotate(session: AnnotationSession, predictor: Predictor, image: Any, tmp_path: Path) -> None:
    """Do everything that a person can do."""
    session.adopt([Object(90, (0,), (200, 200), np.ones((3, 4), bool))])
    for plane in (0, 1):
        look_at(session, predictor, image, plane, tmp_path)
        session.set_prompts([point(CELLS[0])])
        mask = session.proposals[0].candidates.mask_prompt(2)
        session.commit(0, suggested=1)
        session.set_prompts([point(CELLS[1], (100.0, 100.0), labels=[1, 0])])
        session.commit()
        session.set_prompts([point(CELLS[0], (170.0, 62.0), mask=mask)])
        session.commit()
        boxes = [Prompts(box=(row - 16, col - 14, row + 15, col + 12)) for row, col in CELLS]
        session.set_prompts(boxes)
        session.commit()
        session.set_prompts([point(CELLS[2])])
        session.commit(2)
        session.undo()
    keys = [each.key for each in session.objects if each.plane == (1,)]
    first = session.reopen(keys[0])
    session.set_prompts([point((150.0, 54.0))])
    session.commit()
    session.paint((1,), (slice(250, 254), slice(9, 12)), np.full((4, 3), first.id))
    session.edit("merge", keys[1:3])
    session.edit("smooth", keys[1:2], radius=3.0)
    session.edit("describe", keys[3:4], category="round")
    each = session.store[keys[3]]
    ends = np.argwhere(each.mask)[[0, -1]] + each.origin
    session.edit("split", keys[3:4], points=ends.tolist())
    session.paint((0,), (slice(230, 233), slice(3, 9)), np.full((3, 6), session.next_id))
    session.accept([Object(1, (0,), (5, 200), np.ones((4, 4), bool), score=0.5)])


@pytest.fixture(scope="module")
def record(predictor: Predictor, stack: Any, tmp_path_factory: pytest.TempPathFactory) -> Record:
    tmp_path = tmp_path_factory.mktemp("session")
    session = start(tmp_path / "journal", stack.shape)
    annotate(session, predictor, stack, tmp_path)
    return read_record(tmp_path / "journal")


def reader(image: Any) -> Callable[..., Any]:
    return lambda plane, window, _: image[(*plane, *window.index)]


def test_a_session_when_replayed_then_every_mask_comes_out_the_same_by_its_prompts(
    record: Record, predictor: Predictor, stack: Any
) -> None:
    loaded: list[Object] = []

    def load(each: Object) -> Predictor:
        loaded.append(each)
        return predictor

    calls: list[tuple[int, int]] = []
    found = replay(record, reader(stack), load, progress=lambda *call: calls.append(call))
    assert len(found.objects) == len(record.objects) > 12
    wrong = [each for each in found.objects if not each.same]
    assert [(each.recorded.id, each.different, each.remade.failure) for each in wrong] == []
    assert all(each.iou == 1.0 for each in found.objects)
    assert all(each.recorded.area for each in found.objects)
    assert [each.steps for each in found.objects if not each.prompted] == [
        ("adopt",),
        ("commit", "paint"),
        ("paint",),
        ("accept",),
    ]
    assert {("commit", "merge", "smooth"), ("commit", "describe", "split")} <= {
        each.steps for each in found.objects
    }
    assert len(loaded) == 2  # one embedding a plane, and part of a plane
    assert calls[-1] == (13, 13)
    assert found.remarks == ()


def test_masks_when_the_record_of_their_prompts_is_another_then_differ_by_pixels(
    record: Record, predictor: Predictor, stack: Any
) -> None:
    first = record.done[0]
    moved = replace(first.after[0], choice=2)
    forged = replace(record, done=(Edit(first.what, (), (moved,)), *record.done[1:]))
    found = replay(forged, reader(stack), lambda _: predictor)
    (wrong,) = [each for each in found.objects if not each.same]
    assert wrong.recorded.id == moved.id
    whole = [np.zeros(stack.shape[1:], bool) for _ in range(2)]
    for mask, each in zip(whole, (wrong.recorded, wrong.remade.object), strict=True):
        mask[each.window[-2:]] = each.mask
    assert wrong.different == (whole[0] ^ whole[1]).sum() > 0
    assert wrong.iou == pytest.approx((whole[0] & whole[1]).sum() / (whole[0] | whole[1]).sum())


def test_another_image_when_replayed_then_differences_and_a_remark(
    record: Record, predictor: Predictor, stack: Any
) -> None:
    found = replay(record, reader(stack[:, :, ::-1] + np.uint16(70)), lambda _: predictor)
    assert not all(each.same for each in found.objects)
    assert any("values are not those" in remark for remark in found.remarks)


def test_other_weights_when_replayed_then_nothing_is_compared_unless_they_are_asked_for(
    record: Record, predictor: Predictor, stack: Any
) -> None:
    other = Predictor(replace(predictor.model, weights_hash="0ther"))
    found = replay(record, reader(stack), lambda _: other)
    failed = [each for each in found.objects if each.remade.failure]
    assert len(failed) == len(found.objects) - 3  # painted, accepted, and there before
    assert all("0ther" in each.remade.failure for each in failed)
    asked = replay(record, reader(stack), lambda _: other, other_weights=True)
    assert all(each.same for each in asked.objects)
    assert any("0ther" in remark for remark in asked.remarks)


def test_a_model_or_a_channel_that_is_missing_when_replayed_then_a_sentence_an_object(
    record: Record, predictor: Predictor, stack: Any
) -> None:
    def gone(_: Object) -> Predictor:
        raise WeightsError("There is no model 'mine'.")

    found = replay(record, reader(stack), gone)
    assert {each.remade.failure for each in found.objects} == {"", "There is no model 'mine'."}
    seen = record.done[0].after[0].normalization
    assert seen is not None
    coloured = replace(record.done[0].after[0], normalization={**seen, "low": [0, 0], "high": [9, 9]})
    forged = replace(record, done=(Edit("commit", (), (coloured,)),), adopted=())
    (each,) = replay(forged, reader(stack), lambda _: predictor).objects
    assert "1 channel, and 2 were seen" in each.remade.failure


def test_a_commit_when_written_down_then_says_what_it_was_computed_on(
    record: Record, predictor: Predictor
) -> None:
    first = record.done[0].after[0]
    assert (first.choice, first.suggested, first.device) == (0, 1, "cpu")
    assert first.precision == str(predictor.model.dtype).removeprefix("torch.")
    assert first.software == __version__


def test_what_no_prompt_makes_when_replayed_then_is_not_counted_as_made_by_prompts(
    record: Record, predictor: Predictor, stack: Any
) -> None:
    mask = np.ones((4, 5), bool)
    painted, other, silent = (
        Object(number, (plane,), (5 * number % 200, 9), mask) for number, plane in ((70, 0), (71, 1), (72, 0))
    )
    followed = Object(record.done[0].after[0].id, (1,), (9, 9), mask, level="propagated")
    line = [
        *record.done,
        Edit("follow", (), (followed,), {"axis": 0, "planes": [0]}),
        Edit("describe", (followed,), (replace(followed, note="odd"),), {"note": "odd"}),
        Edit("paint", (), (painted,)),
        Edit("paint", (), (other,)),
        Edit("join", (painted, other), (painted, replace(other, id=70))),
        Edit("commit", (), (silent,)),
    ]
    longer = replace(record, done=tuple(line))
    steps = steps_of(longer)
    assert steps[70, (1,)] == ("paint", "join")
    before = replay(record, reader(stack), lambda _: predictor)
    found = {each.recorded.key: each for each in replay(longer, reader(stack), lambda _: predictor).objects}
    assert all(found[each.recorded.key].prompted == each.prompted for each in before.objects)
    added = [followed.key, (70, (0,)), (70, (1,)), silent.key]
    assert [found[key].prompted for key in added] == [False] * 4


def test_an_object_made_of_one_that_does_not_come_out_when_replayed_then_is_not_the_same(
    predictor: Predictor,
) -> None:
    each = Object(1, (), (2, 2), np.ones((4, 5), bool))
    edit = Edit("describe", (each,), (replace(each, note="odd"),), {"note": "odd"})
    (found,) = replay(Record({"shape": [9, 9]}, (), (edit,), ()), reader(each), lambda _: predictor).objects
    assert not found.same
    assert "did not come out" in found.remade.failure
