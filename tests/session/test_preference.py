from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_sam.predict import Candidate, Candidates, Frame
from napari_sam.session.offer import Offer, iou
from napari_sam.session.preference import Habit, Preference, load_preference, save_preference

FRAME = Frame(0, 0, 1, 8)


def disc(radius: int, iou_prediction: float = 0.8) -> Candidate:
    rows, cols = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    mask = rows**2 + cols**2 <= radius**2
    return Candidate((50 - radius, 50 - radius), mask, iou_prediction, np.zeros((8, 8), np.float32), FRAME)


def offered(*radii: int, best: int = 1, ious: tuple[float, ...] = (0.8, 0.8, 0.8)) -> Offer:
    items = tuple(disc(radius, value) for radius, value in zip(radii, ious, strict=False))
    return Offer(Candidates((120, 120), items, best, "model", "hash"), best)


def empty() -> Candidate:
    return Candidate((0, 0), np.zeros((0, 0), bool), 0.1, np.zeros((8, 8), np.float32), FRAME)


def test_candidates_that_look_the_same_then_are_offered_once_as_the_model_would_suggest() -> None:
    offer = offered(20, 21, 40, best=0)
    assert offer.shown == (0, 2)
    assert offer.names == ("cell", "cluster")
    assert offered(20, 21, 40, best=1).shown == (1, 2)
    assert offered(20, 40, 41, best=0).names == ("part", "cell")
    assert offered(40, 40, 40, best=2).shown == (2,)
    assert offered(40, best=0).names == ("refined",)


def test_candidates_in_any_order_then_are_numbered_and_named_by_their_size() -> None:
    offer = offered(40, 10, 20, best=2)
    assert offer.shown == (1, 2, 0)
    assert offer.names == ("part", "cell", "cluster")
    assert offered(40, 10, 20, best=1).names == ("part", "cell", "cluster")


def test_candidates_when_the_largest_is_what_the_model_suggests_then_it_is_the_cell() -> None:
    assert offered(40, 10, 20, best=0).names == ("part", "part", "cell")
    assert offered(20, 40, best=1).names == ("part", "cell")


def test_empty_candidates_then_are_not_offered_unless_there_is_nothing_else() -> None:
    items = (empty(), disc(10), disc(30))
    assert Offer(Candidates((120, 120), items, 1, "", ""), 1).shown == (1, 2)
    assert Offer(Candidates((120, 120), (empty(), empty()), 1, "", ""), 1).shown == (1,)


def test_the_candidate_at_a_position_then_is_the_smallest_there() -> None:
    offer = offered(10, 20, 40)
    assert [offer.at(50, col) for col in (50, 65, 85, 100)] == [0, 1, 2, None]
    assert offer.at(-5, 500) is None


@pytest.mark.parametrize(("one", "other"), [(10, 20), (30, 30), (5, 400)])
def test_the_iou_of_two_discs_then_is_the_ratio_of_their_areas(one: int, other: int) -> None:
    small, large = disc(one), disc(other)
    assert iou(small, large) == pytest.approx(small.area / large.area, abs=0.02)


def test_a_preference_without_history_then_changes_nothing() -> None:
    for best in range(3):
        offer = offered(10, 20, 40, best=best, ious=(0.1, 0.9, 0.2))
        assert Preference().suggest(offer) == best


def test_habits_of_two_windows_then_add_up_and_one_forgets_for_both(tmp_path: Path) -> None:
    path, offer = tmp_path / "preference.json", offered(10, 20, 40, best=1)
    one, other = Habit(path), Habit(path)
    for turn in range(4):
        assert (one, other)[turn % 2].learn(offer, 2)
    alone = Preference()
    for _ in range(4):
        alone = alone.learn(offer, 2)
    assert load_preference(path) == other.preference == alone
    one.forget()
    assert other.learn(offer, 2)
    assert load_preference(path) == Preference().learn(offer, 2)
    Habit(path).forget()
    assert load_preference(path).choices == 0


def test_a_habit_when_it_cannot_be_kept_then_lasts_for_the_session(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way of the folder")
    habit, offer = Habit(tmp_path / "file" / "preference.json"), offered(10, 20, 40, best=1)
    assert habit.learn(offer, 2)
    assert habit.learn(offer, 2)
    assert habit.preference.choices == 2


def test_a_person_who_always_takes_the_cluster_then_is_offered_it_and_another_one_is_not() -> None:
    preference = Preference()
    for _ in range(4):
        preference = preference.learn(offered(10, 20, 40, best=1), 2)
    assert preference.suggest(offered(10, 20, 40, best=1)) == 2
    assert preference.cluster > 0 > preference.part
    assert preference.choices == 4
    confirmed = Preference()
    for _ in range(4):
        confirmed = confirmed.learn(offered(10, 20, 40, best=1), 1)
    assert confirmed.suggest(offered(10, 20, 40, best=1)) == 1


def test_a_person_who_takes_cells_of_one_area_then_is_offered_it_whatever_its_rank() -> None:
    preference = Preference()
    rng = np.random.default_rng(0)
    for _ in range(40):
        rank = int(rng.integers(3))
        radii = [(20, 40, 60), (10, 20, 40), (5, 10, 20)][rank]
        preference = preference.learn(offered(*radii, best=int(rng.integers(3))), rank)
    assert preference.usual_area == pytest.approx(np.pi * 20**2, rel=0.05)
    assert preference.suggest(offered(20, 40, 45, best=2)) == 0
    assert preference.suggest(offered(5, 10, 20, best=0)) == 2


def test_a_person_who_goes_by_the_iou_then_gets_a_weight_on_it() -> None:
    preference, rng = Preference(), np.random.default_rng(1)
    for _ in range(60):
        ious = tuple(rng.uniform(0.4, 0.9, 3).tolist())
        preference = preference.learn(offered(10, 20, 40, ious=ious), int(np.argmax(ious)))
    assert preference.suggest(offered(10, 20, 40, ious=(0.9, 0.5, 0.5))) == 0
    assert preference.suggest(offered(10, 20, 40, best=0, ious=(0.5, 0.5, 0.9))) == 2


def test_one_candidate_then_teaches_nothing() -> None:
    assert Preference().learn(offered(10, best=0), 0) == Preference()


def test_probabilities_then_are_those_of_a_softmax() -> None:
    found = Preference(suggested=np.log(2)).probabilities(offered(10, 20, 40, best=1))
    assert found == pytest.approx([0.25, 0.5, 0.25])


def test_a_preference_when_kept_then_is_the_same_again_and_readable(tmp_path: Path) -> None:
    path = tmp_path / "new" / "preference.json"
    preference = Preference().learn(offered(10, 20, 40), 2)
    save_preference(preference, path)
    assert load_preference(path) == preference
    assert '"cluster": 0.' in path.read_text()
    assert [each.name for each in path.parent.iterdir()] == ["preference.json"]


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"part": 1}', '{"part": "x"}'])
def test_a_preference_file_that_makes_no_sense_then_is_as_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "preference.json"
    assert load_preference(path) == Preference()
    path.write_text(text)
    assert load_preference(path) == Preference()
