from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_sam.errors import ImageError
from napari_sam.predict import Predictor, Prompts
from napari_sam.session import AnnotationSession, Object
from napari_sam.weights import LoadedModel
from napari_sam.widgets.layers.label_writer import LabelWriter

SHAPE = (60, 80)


@pytest.fixture
def session(discs: LoadedModel) -> AnnotationSession:
    """Answer every point with discs of radius 6, 8 and 10 around it."""
    session = AnnotationSession()
    predictor = Predictor(discs)
    session.open(predictor, predictor.embed(np.zeros(SHAPE, np.uint8)))
    return session


def commit(session: AnnotationSession, *points: tuple[float, float], choice: int | None = None) -> None:
    session.set_prompts([Prompts([point], [1]) for point in points])
    session.commit(choice)


def test_a_commit_when_written_then_changes_just_the_masks_background_pixels(
    session: AnnotationSession,
) -> None:
    labels = Labels(np.zeros(SHAPE, np.int32))
    _writer = LabelWriter(session, labels)
    commit(session, (30, 30))
    (one,) = session.objects
    assert np.array_equal(labels.data[one.window] == one.id, one.mask)
    assert (labels.data > 0).sum() == one.mask.sum() > 50
    before = labels.data.copy()
    commit(session, (30, 40))
    two = session.objects[1]
    assert np.array_equal(labels.data == one.id, before == one.id)
    assert 0 < (labels.data == two.id).sum() < two.mask.sum()


def test_a_commit_when_undone_and_redone_then_labels_are_as_before_and_after(
    session: AnnotationSession,
) -> None:
    labels = Labels(np.zeros(SHAPE, np.int32))
    _writer = LabelWriter(session, labels)
    commit(session, (30, 30))
    first = labels.data.copy()
    commit(session, (10, 60), (45, 60))
    both = labels.data.copy()
    assert set(np.unique(both)) == {0, 1, 2, 3}
    session.undo()
    assert np.array_equal(labels.data, first)
    session.redo()
    assert np.array_equal(labels.data, both)
    session.undo()
    session.undo()
    assert not labels.data.any()


def test_a_commit_when_the_labels_are_hidden_and_another_plane_is_seen_then_they_show_it_later(
    session: AnnotationSession, discs: LoadedModel
) -> None:
    viewer, predictor = ViewerModel(), Predictor(discs)
    labels = viewer.add_labels(np.zeros((3, *SHAPE), np.int32), visible=False)
    writer = LabelWriter(session, labels)
    viewer.dims.set_point(0, 2)
    session.open(predictor, predictor.embed(np.zeros(SHAPE, np.uint8)), (2,))
    commit(session, (30, 30))
    assert writer.trouble == ""
    labels.visible = True
    (made,) = session.objects
    assert (labels.data[2] == made.id).sum() == (labels._slice.image.raw == made.id).sum() == made.mask.sum()


def test_a_commit_of_many_when_undone_in_the_labels_layer_itself_then_goes_in_one_step(
    session: AnnotationSession,
) -> None:
    labels = Labels(np.zeros(SHAPE, np.int32))
    _writer = LabelWriter(session, labels)
    commit(session, (10, 60), (45, 60))
    labels.undo()
    assert not labels.data.any()
    labels.redo()
    assert set(np.unique(labels.data)) == {0, 1, 2}


def test_what_was_written_behind_the_session_when_a_commit_is_undone_then_stays(
    session: AnnotationSession,
) -> None:
    labels = Labels(np.zeros(SHAPE, np.int32))
    _writer = LabelWriter(session, labels)
    commit(session, (30, 30))
    labels.data[30:32, 30] = 9
    session.undo()
    assert (labels.data == 9).sum() == 2
    assert (labels.data > 0).sum() == 2


def test_labels_that_are_there_when_a_session_takes_them_over_then_keep_pixels_and_ids(
    session: AnnotationSession,
) -> None:
    old = np.zeros(SHAPE, np.uint8)
    old[25:35, 25:30] = 41
    labels = Labels(old.copy())
    session.reserve(41)
    _writer = LabelWriter(session, labels)
    commit(session, (30, 30))
    assert session.objects[0].id == 42
    assert np.array_equal(labels.data == 41, old == 41)


def test_a_commit_when_on_a_plane_of_a_stack_then_changes_that_plane_only(
    session: AnnotationSession, discs: LoadedModel
) -> None:
    labels = Labels(np.zeros((2, 5, *SHAPE), np.int32))
    _writer = LabelWriter(session, labels)
    predictor = Predictor(discs)
    session.open(predictor, predictor.embed(np.zeros(SHAPE, np.uint8)), plane=(1, 3))
    commit(session, (30, 30))
    assert labels.data[1, 3].any()
    assert labels.data.any(axis=(2, 3)).sum() == 1


def test_a_label_when_the_layer_cannot_count_so_far_then_one_sentence_says_so(
    session: AnnotationSession,
) -> None:
    writer = LabelWriter(session, Labels(np.zeros(SHAPE, np.uint8)))
    writer.check_room(255)
    with pytest.raises(ImageError, match="cannot count beyond 255"):
        writer.check_room(256)


def test_a_closed_writer_when_objects_are_committed_then_writes_nothing(session: AnnotationSession) -> None:
    labels = Labels(np.zeros(SHAPE, np.int32))
    LabelWriter(session, labels).close()
    commit(session, (30, 30))
    assert not labels.data.any()


class Full(np.ndarray):
    """Pixels that take no others, until they have room."""

    full = True

    def __setitem__(self, place: object, value: object) -> None:
        if self.full:
            raise OSError("No space left on device")
        super().__setitem__(place, value)


def test_a_commit_that_the_layer_did_not_take_when_painted_around_or_moved_elsewhere_then_stays_whole(
    session: AnnotationSession,
) -> None:
    labels = Labels(np.zeros(SHAPE, np.int32).view(Full))
    writer = LabelWriter(session, labels)
    commit(session, (30, 30), (10, 60))
    one, _ = session.objects
    assert "No space left" in writer.trouble
    assert not labels.data.any()
    labels.data.full = False
    labels.brush_size = 1
    with labels.block_history():
        for corner in ((20, 20), (40, 30), (40, 40)):
            labels.paint(corner, 9)
    kept = session.store[one.key]
    assert kept.area == one.area > 50
    assert session.store[9, ()].area == 3

    assert (labels.data == one.id).sum() == one.area  # it was tried again

    labels.data.full = True
    commit(session, (45, 60))
    last = session.objects[-1]
    labels.data = np.array(labels.data).view(Full)
    assert session.store[last.key].area == last.area
    assert "No space left" in writer.trouble
    labels.data = np.array(labels.data)
    assert writer.trouble == ""
    assert session.store[last.key].area == (labels.data == last.id).sum() == last.area


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_a_stack_rotated_out_of_its_planes_when_committed_to_then_it_is_not_said_to_be_unwritable(
    session: AnnotationSession, discs: LoadedModel
) -> None:
    angle = np.radians(-20)
    affine = np.eye(4)
    affine[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    viewer, predictor = ViewerModel(), Predictor(discs)
    labels = viewer.add_labels(np.zeros((12, *SHAPE), np.int32), affine=affine)
    writer = LabelWriter(session, labels)
    viewer.dims.set_point(0, 19)  # where napari shows no plane
    session.open(predictor, predictor.embed(np.zeros(SHAPE, np.uint8)), (9,))
    commit(session, (30, 30), choice=0)
    assert writer.trouble == ""
    assert (labels.data[9] > 0).sum() == session.objects[0].area


def test_a_stroke_by_hand_then_is_part_of_the_object_and_the_layers_own_undo_takes_back_both(
    session: AnnotationSession,
) -> None:
    labels = Labels(np.zeros(SHAPE, np.int32))
    _writer = LabelWriter(session, labels)
    commit(session, (30, 30))
    before = session.objects[0].area
    labels.brush_size = 5
    labels.paint((30, 44), 1)
    labels.paint((5, 70), 7)
    assert [each.id for each in session.objects] == [1, 7]
    assert session.objects[0].area > before
    assert session.objects[0].prompts is not None
    labels.undo()
    assert [each.id for each in session.objects] == [1]
    assert (labels.data == 7).sum() == 0
    labels.undo()
    assert session.objects[0].area == before == (labels.data == 1).sum()
    labels.redo()
    assert session.objects[0].area == (labels.data == 1).sum() > before
    session.undo()
    labels.undo()
    assert not labels.data.any()
    assert session.objects == ()


def test_an_object_when_erased_and_filled_by_hand_then_the_session_knows(session: AnnotationSession) -> None:
    labels = Labels(np.zeros(SHAPE, np.int32))
    _writer = LabelWriter(session, labels)
    commit(session, (30, 30), (30, 60))
    labels.fill((30, 30), 5)
    assert {each.id: each.area for each in session.objects} == {
        label: (labels.data == label).sum() for label in (2, 5)
    }
    labels.fill((30, 60), 0)
    assert [each.id for each in session.objects] == [5]
    session.undo()
    session.undo()
    assert sorted(each.id for each in session.objects) == [1, 2]
    assert set(np.unique(labels.data)) == {0, 1, 2}


def test_other_data_when_assigned_then_is_part_of_the_objects_in_one_step(session: AnnotationSession) -> None:
    labels = Labels(np.zeros((2, *SHAPE), np.int32))
    writer = LabelWriter(session, labels)
    disc = np.hypot(*np.ogrid[-7:8, -7:8]) <= 7
    one, two, _ = session.accept([Object(0, (0,), (row, 20), disc) for row in (5, 25, 45)])
    before = labels.data.copy()
    other = np.where(before == one.id, 0, before)
    other[0, 25:30][other[0, 25:30] == two.id] = 0
    other[0, :3, :3] = 9
    other[1, :3, :3] = -1
    other[:, -1, -1] = 8  # in the other plane, no object is
    labels.data = other
    areas = {each.id: each.area for each in session.objects}
    assert areas == {label: (other[0] == label).sum() for label in (2, 3, 8, 9)}
    assert np.array_equal(labels.data, other)
    labels.undo()
    assert session.store[one.key] is one
    assert session.store[two.key] is two
    assert np.array_equal(labels.data[0], np.where(before[0] > 0, before[0], other[0]))
    labels.redo()
    assert np.array_equal(labels.data, other)
    session.read_only = "Only to look at."
    labels.data = before.copy()
    assert {each.id for each in session.objects} == set(areas)
    writer.close()


def test_a_stroke_through_several_planes_then_each_plane_has_its_object(session: AnnotationSession) -> None:
    labels = Labels(np.zeros((3, *SHAPE), np.int32))
    _writer = LabelWriter(session, labels)
    labels.n_edit_dimensions = 3
    labels.brush_size = 3
    labels.paint((1, 20, 20), 4)
    assert sorted(each.key for each in session.objects) == [(4, (0,)), (4, (1,)), (4, (2,))]
    labels.undo()
    assert session.objects == ()
    assert not labels.data.any()


def test_a_closed_writer_then_the_layer_has_its_own_undo_again(session: AnnotationSession) -> None:
    labels = Labels(np.zeros(SHAPE, np.int32))
    LabelWriter(session, labels).close()
    labels.paint((20, 20), 3)
    labels.undo()
    assert not labels.data.any()
    assert session.objects == ()


def test_a_closed_writer_that_has_written_much_then_the_layers_undo_begins_after_it(
    session: AnnotationSession,
) -> None:
    """It would show what was painted over before that, and not what was."""
    labels = Labels(np.zeros(SHAPE, np.int32))
    writer = LabelWriter(session, labels)
    labels.paint((20, 20), 3)
    session.accept([Object(0, (), (10, 10), np.ones((40, 60), bool))])
    writer.close()
    shown = labels.data.copy()
    assert set(np.unique(shown)) == {0, 3, 4}
    labels.undo()
    assert np.array_equal(labels.data, shown)


def test_other_objects_on_top_then_only_pixels_of_overlaps_change(session: AnnotationSession) -> None:
    labels = Labels(np.zeros(SHAPE, np.int32))
    writer = LabelWriter(session, labels)
    commit(session, (30, 30))
    commit(session, (30, 40))
    labels.data[:2] = 99  # by other means than painting, so nobody knows
    labels.data[30, 22] = 98
    older = labels.data.copy()
    one, two = session.objects
    session.store.newest_on_top = True
    writer.redraw()
    both = np.zeros(SHAPE, bool)
    both[one.window] |= one.mask
    both[two.window] &= two.mask
    both[:, : two.origin[1]] = False
    assert np.array_equal(labels.data != older, both & (older == 1))
    assert (labels.data == 2).sum() == two.area
    session.store.newest_on_top = False
    writer.redraw()
    assert np.array_equal(labels.data, older)


def test_strokes_below_0_when_taken_back_and_brought_back_then_labels_are_as_before_and_after(
    session: AnnotationSession,
) -> None:
    labels = Labels(np.zeros(SHAPE, np.int32))
    labels.data[50:, 60:] = -2  # what another program does not count
    _writer = LabelWriter(session, labels)
    commit(session, (30, 30))
    labels.brush_size = 7
    seen = [labels.data.copy()]
    for place, label in (((30, 30), -1), ((5, 70), -1), ((50, 60), 8), ((30, 30), 1), ((48, 70), 0)):
        labels.paint(place, label)
        seen.append(labels.data.copy())
        assert not np.array_equal(*seen[-2:])
    for earlier in seen[-2::-1]:
        labels.undo()
        assert np.array_equal(labels.data, earlier)
    assert [each.id for each in session.objects] == [1]
    for later in seen[1:]:
        labels.redo()
        assert np.array_equal(labels.data, later)
    areas = {each.id: each.area for each in session.objects}
    assert areas == {label: (labels.data == label).sum() for label in (1, 8)}


def test_many_objects_when_changed_in_one_step_then_each_plane_is_read_in_a_few_windows_and_right(
    session: AnnotationSession,
) -> None:
    """Labels that nobody knows stay, wherever objects lie over each other and over them."""
    reads: list[object] = []

    class Counted(np.ndarray):  # type: ignore[type-arg]
        def __getitem__(self, index: object) -> object:
            reads.append(index)
            return np.asarray(self)[index]  # type: ignore[index]

    rng = np.random.default_rng(0)
    side, foreign = 400, 9000
    labels = Labels(np.zeros((2, side, side), np.int32), visible=False)
    labels.data[:, ::50] = foreign
    labels.data = labels.data.view(Counted)
    _writer = LabelWriter(session, labels)
    disc = np.hypot(*np.ogrid[-7:8, -7:8]) <= 7
    found = [
        Object(0, (plane,), (int(row), int(col)), disc)
        for plane in (0, 1)
        for row, col in rng.integers(0, side - 15, (200, 2))
    ]

    def right() -> bool:
        whole = slice(0, side), slice(0, side)
        drawn = np.stack([session.store.render((plane,), whole) for plane in (0, 1)])
        drawn[:, ::50] = foreign
        return np.array_equal(np.asarray(labels.data), drawn)

    made = session.accept(found)
    assert right()
    for what in ("smooth", "delete"):
        reads.clear()
        session.edit(what, [each.key for each in made[::2]])
        assert right()
        assert len(reads) < 40
        session.undo()
        assert right()
