"""Names of journals that Windows, macOS and Linux all take and tell apart."""

from __future__ import annotations

import errno
import os
import shutil
import unicodedata
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam.session.journal.image import image_at
from napari_sam.session.journal.journal import Journal
from napari_sam.session.journal.lines import line_of
from napari_sam.session.journal.place import DEVICES, bring_along, copies_told, journal_path, safe_name


def test_journal_path_when_the_image_has_a_folder_then_beside_it_else_with_the_user(tmp_path: Path) -> None:
    user = tmp_path / "user"
    beside = journal_path(tmp_path / "a b.tif", "x", "a b cells", user)
    assert beside == tmp_path / "a b.napari-sam" / "a b cells.journal"
    first = journal_path(None, "one", "my: cells", user)
    assert first.parent.parent == user
    assert first == journal_path(None, "one", "my: cells", user)
    beside.touch()
    assert journal_path(tmp_path / "a b.tif", "x", "a b cells", user) == beside
    others = [journal_path(None, "one", "my; cells", user), journal_path(None, "two", "my: cells", user)]
    assert first not in others
    assert journal_path(tmp_path / "missing" / "a.tif", "one", "my: cells", user) == first


def fits_windows(name: str) -> bool:
    """Say whether Windows takes a file of a name, by its rules for naming files."""
    device = name.split(".", maxsplit=1)[0].strip().casefold() in DEVICES
    forbidden = any(letter in '<>:"/\\|?*' or unicodedata.category(letter) == "Cc" for letter in name)
    return not device and not forbidden and name[-1] not in ". " and PureWindowsPath(name).name == name


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=300))
def test_a_name_then_is_one_that_windows_takes_and_no_longer_than_any_file_systems(name: str) -> None:
    made = f"{safe_name(name)}.journal"
    assert fits_windows(made)
    assert len(made.encode()) <= 240


@pytest.mark.parametrize("name", ["CON", "nul.1", "com1", "LPT9.cells", "aux "])
def test_a_name_of_a_device_then_is_another(name: str) -> None:
    assert not fits_windows(f"{name}.journal")
    assert fits_windows(f"{safe_name(name)}.journal")


def test_names_that_begin_alike_and_are_long_then_have_journals_of_their_own() -> None:
    one, other = (f"{'experiment ' * 30}{well}" for well in ("A1", "A2"))
    assert safe_name(one) != safe_name(other)
    assert safe_name("cells 1") == "cells 1"


def test_an_image_whose_name_nearly_fills_what_a_file_may_have_then_has_its_journal_beside_it(
    tmp_path: Path,
) -> None:
    for name in ("well (1) + copy #2", "w" * 250):
        image = tmp_path / f"{name}.tif"
        image.touch()
        path = journal_path(image, "", f"{name} cells", tmp_path / "user")
        Journal(path, (2, 3), image).close()
        assert path.exists()
        assert path.parent.parent == tmp_path
    assert (tmp_path / "well (1) + copy #2.napari-sam").is_dir()


def test_labels_whose_names_differ_by_capitals_alone_then_have_journals_of_their_own(tmp_path: Path) -> None:
    image = tmp_path / "a.tif"

    def path(name: str) -> Path:
        return journal_path(image, "", name, tmp_path / "user")

    first = path("Cells")
    Journal(first, (2, 3)).close()
    second = path("cells")
    Journal(second, (2, 3)).close()
    assert first.name.casefold() != second.name.casefold()
    assert (path("Cells"), path("cells")) == (first, second)


def test_a_folder_that_cannot_be_made_then_the_journal_lies_with_the_user(tmp_path: Path) -> None:
    image = tmp_path / "a.tif"
    (tmp_path / "a.napari-sam").write_text("a file of somebody else's")
    path = journal_path(image, "key", "cells", tmp_path / "user")
    assert path.is_relative_to(tmp_path / "user")
    Journal(path, (2, 3)).close()
    assert path.exists()


def test_images_that_differ_by_their_ending_alone_then_have_journals_of_their_own(tmp_path: Path) -> None:
    images = [tmp_path / name for name in ("cell.tif", "cell.png", "cell", "cell.png.tif", "dish.tif")]
    for image in images:
        image.write_bytes(b"pixels")

    def path(image: Path) -> Path:
        return journal_path(image, "", "cells", tmp_path / "user")

    made = []
    for image in images:
        made.append(path(image))
        Journal(made[-1], (2, 3), image).close()
    assert [each.parent.name for each in made[:2]] == ["cell.napari-sam", "cell.png.napari-sam"]
    assert made[4].parent.name == "dish.napari-sam"
    assert len(set(made)) == len(images)
    assert [path(image) for image in images] == made
    made[0].unlink()
    assert path(images[1]) == made[1]  # though the better place is free now


def test_a_journal_that_two_images_shared_when_opened_then_goes_on_with_the_one_that_it_names(
    tmp_path: Path,
) -> None:
    first, second = tmp_path / "cell.tif", tmp_path / "cell.png"
    first.touch()
    second.touch()
    shared = journal_path(second, "", "cells", tmp_path / "user")
    Journal(shared, (2, 3), second).close()
    assert journal_path(second, "", "cells", tmp_path / "user") == shared
    assert journal_path(first, "", "cells", tmp_path / "user") != shared


def test_an_image_that_was_renamed_or_converted_then_goes_on_with_its_journal(tmp_path: Path) -> None:
    image = tmp_path / "cell.png"
    image.touch()
    path = journal_path(image, "", "cells", tmp_path / "user")
    Journal(path, (2, 3), image).close()
    image.rename(tmp_path / "cell.tif")
    assert journal_path(tmp_path / "cell.tif", "", "cells", tmp_path / "user") == path
    (tmp_path / "cell.tif").rename(tmp_path / "dish.tif")
    path.parent.rename(tmp_path / "dish.napari-sam")
    moved = journal_path(tmp_path / "dish.tif", "", "cells", tmp_path / "user")
    assert moved == tmp_path / "dish.napari-sam" / path.name


def test_a_journal_that_does_not_say_whose_it_is_then_is_found_by_the_images_name(tmp_path: Path) -> None:
    image = tmp_path / "cell.tif"
    image.touch()
    path = journal_path(image, "", "cells", tmp_path / "user")
    path.write_bytes(line_of({"version": 2, "shape": [2, 3]}))
    assert journal_path(image, "", "cells", tmp_path / "user") == path


PIXELS = "(2, 3) uint8 1"


def begun(image: Path, labels: str = "cells", pixels: str = PIXELS) -> tuple[Path, str]:
    """Begin on an image as the dock does; return where its journal lies, and what is told of it."""
    user = image.parent / "user"
    path = journal_path(image, str(image), labels, user, pixels)
    told = bring_along(path, image, labels, user, pixels)
    Journal(path, (2, 3), image, pixels).close()
    return path, told


@pytest.mark.parametrize("with_folder", [False, True])
def test_an_image_of_another_name_then_its_journal_comes_along_and_stays_its_own(
    tmp_path: Path, with_folder: bool
) -> None:
    one, other = tmp_path / "a.tif", tmp_path / "c.tif"
    one.touch()
    old, told = begun(one, "a cells")
    assert told == ""
    one.rename(other)
    if with_folder:
        old.parent.rename(tmp_path / "c.napari-sam")
    assert begun(other, "c cells", "(2, 3) uint8 2")[1] == ""  # another image
    other.with_name("c.napari-sam").joinpath("c cells.journal").unlink()
    path, told = begun(other, "c cells")
    assert path == tmp_path / "c.napari-sam" / "c cells.journal"
    assert told.startswith(f"The work on {one}, which is gone")
    assert [each.name for each in tmp_path.rglob("*.journal")] == [path.name]
    assert image_at(path) == other
    one.touch()  # the next one of that name
    assert begun(one, "a cells") == (old, "")
    assert begun(other, "c cells") == (path, "")


def test_a_journal_of_an_image_that_is_there_then_stays_where_it_is(tmp_path: Path) -> None:
    one, copy = tmp_path / "a.tif", tmp_path / "b.tif"
    one.touch()
    copy.touch()
    old, _ = begun(one)
    assert begun(copy) == (tmp_path / "b.napari-sam" / "cells.journal", "")
    assert image_at(old) == one


def test_a_journal_of_the_users_when_its_image_is_elsewhere_by_now_then_comes_along(tmp_path: Path) -> None:
    user, stick = tmp_path / "user", tmp_path / "stick"
    old, new = (journal_path(None, key, "cells", user) for key in ("old", "new"))
    Journal(old, (2, 3), stick / "a.tif", PIXELS).close()
    stick.mkdir()
    (stick / "a.tif").touch()
    assert bring_along(new, tmp_path / "a.tif", "cells", user, PIXELS) == ""  # the other one is there
    beside = stick / "a.napari-sam" / "cells.journal"  # where nothing could be written before
    assert "kept in your config folder, goes on" in bring_along(
        beside, stick / "a.tif", "cells", user, PIXELS
    )
    old.parent.mkdir()
    beside.rename(old)
    (stick / "a.tif").rename(tmp_path / "a.tif")
    open_elsewhere = Journal(old, (2, 3))
    assert "could not be moved" in bring_along(new, tmp_path / "a.tif", "cells", user, PIXELS)
    open_elsewhere.close()
    assert "goes on here" in bring_along(new, tmp_path / "a.tif", "cells", user, PIXELS)
    assert (new.exists(), old.exists()) == (True, False)


def test_a_journal_when_the_disk_it_comes_to_is_full_then_no_part_of_it_is_there_and_the_old_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, image = tmp_path / "user", tmp_path / "a.tif"
    old, new = journal_path(None, "old", "cells", user), tmp_path / "a.napari-sam" / "cells.journal"
    Journal(old, (2, 3), image, PIXELS).close()
    image.touch()
    content = old.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    def copied_in_part(source: Path, target: Path, **_: object) -> None:
        Path(target).write_bytes(Path(source).read_bytes()[:20])
        full()

    monkeypatch.setattr(os, "rename", full)  # as to another disk
    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(shutil, "copyfile", copied_in_part)
    assert "could not be moved" in bring_along(new, image, "cells", user, PIXELS)
    assert (new.exists(), old.read_bytes()) == (False, content)


def test_a_folder_that_was_renamed_with_its_image_then_is_not_the_next_ones_of_the_old_name(
    tmp_path: Path,
) -> None:
    old, new = tmp_path / "a.tif", tmp_path / "b.tif"
    old.touch()
    path, _ = begun(old)
    old.rename(new)
    moved = path.parent.rename(tmp_path / "b.napari-sam") / path.name
    old.touch()  # before anybody has looked at the renamed one
    assert journal_path(new, "", "cells", tmp_path / "user", PIXELS) == moved
    beside, told = begun(new, pixels="(2, 3) uint8 2")  # over whose folder that of another one was copied
    assert beside.parent != moved.parent
    assert (
        told == f"{moved} is of a.tif, whose folder was copied here, so commits are kept in {beside} instead."
    )


def test_copies_that_synchronising_leaves_then_are_told_where_they_have_edits_of_their_own(
    tmp_path: Path,
) -> None:
    path = tmp_path / "no conflict.napari-sam" / "conflict cells.journal"
    path.parent.mkdir()
    lines = [line_of({"do": "commit", "made": number}) for number in range(3)]
    path.write_bytes(b"".join(lines[:2]))
    assert copies_told(path) == ""
    for name, content in ((f"{path.stem} (1)", lines[:1]), (f"{path.stem} 2", lines[1:]), ("other", lines)):
        path.with_name(f"{name}.journal").write_bytes(b"".join(content))
    assert copies_told(path) == ""
    folder = tmp_path / f"{path.parent.name} (Alice's Conflicted Copy)"
    folder.mkdir()
    for copy, content in (
        (path.with_name(f"{path.stem}-LAPTOP.journal"), [lines[0], lines[2]]),
        (path.with_name(f"{path.stem}.sync-conflict-1.journal"), lines[2:]),
        (folder / path.name, lines[2:]),
    ):
        copy.write_bytes(b"".join(content))
        assert copies_told(path).startswith(f"{copy} is a copy of the journal with edits")
        copy.unlink()
