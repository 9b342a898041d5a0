from __future__ import annotations

import pytest

from napari_sam.errors import PromptError
from napari_sam.session.classes import COLOURS, UNSORTED, Classes


def test_classes_when_added_then_each_has_a_colour_of_its_own_as_long_as_there_are_some() -> None:
    classes = Classes().with_names(f"class {i}" for i in range(len(COLOURS) + 1))
    colours = [classes.colour(name) for name in classes]
    assert colours[:-1] == list(COLOURS)
    assert colours[-1] == COLOURS[0]
    assert classes.colour("") == UNSORTED


def test_a_class_when_removed_then_the_others_keep_their_colours_and_its_own_is_next() -> None:
    classes = Classes().add("axon").add("glia").add("vessel")
    left = classes.without("glia").add("debris")
    assert list(left) == ["axon", "vessel", "debris"]
    assert left.colour("vessel") == classes.colour("vessel")
    assert left.colour("debris") == classes.colour("glia")


def test_a_class_when_renamed_then_it_keeps_place_and_colour() -> None:
    classes = Classes().add("axon").add("glia")
    renamed = classes.rename("axon", " neurite ")
    assert list(renamed) == ["neurite", "glia"]
    assert renamed.colour("neurite") == classes.colour("axon")
    assert list(classes.rename("axon", "axon")) == ["axon", "glia"]


@pytest.mark.parametrize(
    ("name", "reason"), [(" ", "needs a name"), ("axon", "already"), ("none", "no class")]
)
def test_a_name_when_empty_or_taken_then_one_sentence_says_so(name: str, reason: str) -> None:
    classes = Classes().add("axon").add("glia")
    with pytest.raises(PromptError, match=reason):
        classes.add(name)
    with pytest.raises(PromptError, match=reason):
        classes.rename("glia", name)
