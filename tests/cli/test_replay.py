"""Journals of the bundled model, replayed from the command line."""

from __future__ import annotations

from pathlib import Path
from shutil import copy
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_sam.automatic import AutomaticSettings
from napari_sam.automatic.part import PartSearch
from napari_sam.cli import main
from napari_sam.predict import Predictor, Prompts
from napari_sam.session import AnnotationSession, Edit, Object
from napari_sam.session.journal.journal import Journal
from napari_sam.session.journal.lines import entry_in, entry_of, line_of
from napari_sam.session.mosaic import described
from napari_sam.session.store import window_of
from napari_sam.weights import load_model
from napari_sam.weights.registry import find_model

CELLS = ((40.0, 60.0), (150.0, 100.0))


@pytest.fixture(scope="module")
def annotated(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the journal of an image, beside it."""
    folder = tmp_path_factory.mktemp("plate")
    image = folder / "cells.png"
    copy(data_folder / "dsb2018" / "images" / "29dd28df98ee.png", image)
    from napari_sam.cli.files import read_image

    pixels = read_image(image)
    path = folder / "cells.napari-sam" / "cells cells.journal"
    session, journal = AnnotationSession(), Journal(path, pixels.shape[:2], image)
    journal.follow(session)
    predictor = Predictor(load_model("cell-tiny", "cpu"))
    session.open(predictor, predictor.embed(pixels))
    for position in CELLS:
        session.set_prompts([Prompts([position], [1])])
        session.commit(2)
    journal.close()
    return path


def changed(annotated: Path, tmp_path: Path, **values: Any) -> Path:
    """Return a copy of the journal whose last commit says something else."""
    entries = [entry_in(line) or {} for line in annotated.read_bytes().splitlines(keepends=True)]
    entries[-1]["after"][0].update(values)
    path = tmp_path / "changed.journal"
    path.write_bytes(b"".join(map(line_of, entries)))
    return path


def test_a_journal_when_replayed_then_the_masks_are_the_same_and_written(
    annotated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "labels.tif"
    assert main(["replay", str(annotated), "--device", "cpu", "-o", str(out)]) == 0
    assert "2 of 2 objects are made again" in capsys.readouterr().out
    labels = tifffile.imread(out)
    assert [int(labels[int(row), int(col)]) for row, col in CELLS] == [1, 2]


def test_a_journal_when_an_object_differs_then_status_1_and_by_how_much(
    annotated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = annotated.parent.parent / "cells.png"
    path = changed(annotated, tmp_path, choice=0)
    assert main(["replay", str(path), "--image", str(image), "--device", "cpu"]) == 1
    told = capsys.readouterr()
    assert "label 2 (commit): IoU 0." in told.out
    assert "1 of 2 objects are made again" in told.out
    assert "1 of 2 objects differ" in told.err


def test_a_journal_when_the_weights_or_the_image_are_others_then_says_so(
    annotated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = str(annotated.parent.parent / "cells.png")
    path = str(changed(annotated, tmp_path, weights_hash="f00d", model="mine", id=3_000_000_000))
    assert main(["replay", path, "--image", image, "--device", "cpu"]) == 1
    assert "There is no model or file 'mine'" in capsys.readouterr().out
    tifffile.imwrite(tmp_path / "c.tif", np.zeros((5, 5), np.uint8))
    assert main(["replay", str(annotated), "--image", str(tmp_path / "c.tif"), "--device", "cpu"]) == 1
    assert "labels 1, 2: The image has the shape (5, 5)" in capsys.readouterr().out
    weights, out = str(find_model("cell-tiny").path), str(tmp_path / "labels.tif")
    named = ["--image", image, "--device", "cpu", "--model", weights, "-o", out]
    assert main(["replay", path, *named]) == 0
    assert np.unique(tifffile.imread(out)).tolist() == [0, 1, 3_000_000_000]


def test_what_was_painted_when_replayed_then_is_taken_as_it_is_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 30, 40), np.uint8))
    journal = Journal(tmp_path / "a.napari-sam" / "a.journal", (2, 30, 40), tmp_path / "a.tif")
    painted = [Object(each, (1,), (3, 4 * each), np.ones((2, 5), bool)) for each in (7, 8)]
    journal.write("do", Edit("paint", (), tuple(painted)))
    journal.close()
    out = tmp_path / "labels.npy"
    assert main(["replay", str(journal.path), "-o", str(out)]) == 0
    assert (
        "2 hold pixels that no prompt makes, taken as they are: 2 painted by hand" in capsys.readouterr().out
    )
    labels = np.load(out)
    assert (labels.shape, labels[1, 3, 28:38].tolist()) == ((2, 30, 40), [7] * 5 + [8] * 4 + [0])
    assert main(["replay", str(journal.path), "-o", str(out)]) == 1
    assert main(["replay", str(journal.path), "-o", str(tmp_path / "a.tif"), "--overwrite"]) == 1
    said = capsys.readouterr().err
    assert "labels.npy exists; choose another output, or give --overwrite." in said
    assert "a.tif is the image itself" in said


def test_proposals_that_were_accepted_when_replayed_then_are_taken_as_found_and_what_followed_is_done_again(
    annotated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from napari_sam.cli.files import read_image

    image = annotated.parent.parent / "cells.png"
    pixels = read_image(image)
    predictor = Predictor(load_model("cell-tiny", "cpu"))
    embedding = predictor.embed(pixels)
    session, journal = AnnotationSession(), Journal(tmp_path / "a.journal", pixels.shape[:2])
    journal.follow(session)
    session.open(predictor, embedding)
    records = PartSearch(predictor, embedding).records(AutomaticSettings())
    made = session.accept(described(records, embedding, (), 1))
    assert len(made) >= 4
    session.edit("describe", [each.key for each in made], category="nucleus")
    session.edit("smooth", [made[0].key])
    session.edit("delete", [made[1].key])
    session.set_prompts([Prompts([CELLS[0]], [1])])
    session.commit(2)
    journal.close()
    out = tmp_path / "labels.npy"
    arguments = ["replay", str(journal.path), "--image", str(image), "--device", "cpu", "-o", str(out)]
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "1 of 1 objects are made again by their prompts" in told
    assert f"{len(made) - 1} hold pixels that no prompt makes, taken as they are: {len(made) - 1} " in told
    labels = np.load(out)
    for each in session.objects:
        drawn = session.store.render(each.plane, window_of(each))
        assert (labels[each.window] == each.id).sum() == (drawn == each.id).sum()


def test_what_was_followed_when_replayed_then_is_taken_as_it_is_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 30, 40), np.uint8), photometric="minisblack")
    journal = Journal(tmp_path / "a.napari-sam" / "a.journal", (3, 30, 40), tmp_path / "a.tif")
    mask = np.ones((2, 5), bool)
    journal.write("do", Edit("paint", (), (Object(7, (1,), (3, 4), mask),)))
    followed = tuple(Object(7, (plane,), (3, 4), mask, level="propagated") for plane in (0, 2))
    journal.write("do", Edit("follow", (), followed, {"axis": 0, "planes": [1]}))
    journal.write("do", Edit("commit", (), (Object(8, (1,), (20, 4), mask),)))
    journal.close()
    assert main(["replay", str(journal.path)]) == 0
    told = capsys.readouterr().out
    assert "0 of 0 objects are made again by their prompts" in told
    assert (
        "4 hold pixels that no prompt makes, taken as they are: 1 painted by hand, 2 followed through planes,"
        " 1 without a record of their prompts."
    ) in told


def test_an_image_that_is_not_there_when_replaying_then_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.journal"
    edit = Edit("paint", (), (Object(1, (), (0, 0), np.ones((2, 2), bool)),))
    path.write_bytes(line_of({"version": 2, "shape": [3, 3]}) + line_of(entry_of("do", edit)))
    assert main(["replay", str(path)]) == 1
    assert "does not say which image it is of; give it with --image" in capsys.readouterr().err
    assert main(["replay", str(path), "--image", str(tmp_path / "b.tif")]) == 1
    assert "b.tif is not there; give it with --image" in capsys.readouterr().err
    (tmp_path / "c.journal").write_text("a diary")
    assert main(["replay", str(tmp_path / "c.journal")]) == 1
    assert "no journal" in capsys.readouterr().err
