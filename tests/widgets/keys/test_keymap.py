"""Which key does what, without a window."""

from __future__ import annotations

import pytest
from app_model.types import OperatingSystem

from napari_sam.errors import KeymapError
from napari_sam.widgets.keys.keymap import DEFAULTS, TITLES, Keymap, key_named


def test_every_action_then_has_a_title_and_a_key_of_its_own() -> None:
    assert list(TITLES) == list(DEFAULTS)
    assert len(set(DEFAULTS.values())) == len(DEFAULTS)
    assert [key_named(key) for key in DEFAULTS.values()] == list(DEFAULTS.values())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("T", "T"),
        ("Shift+T", "Shift+T"),
        ("Ctrl+Alt+T", "Ctrl+Alt+T"),
        ("Return", "Enter"),
        ("Esc", "Escape"),
        ("Ctrl+PgDown", "Ctrl+PageDown"),
        ("Num+1", "1"),
        ("Shift+/", "/"),  # as on keyboards where it takes Shift
        ("Ctrl+-", "Ctrl+-"),
    ],
)
def test_a_key_as_qt_names_it_then_has_napari_s_name(text: str, name: str) -> None:
    assert key_named(text) == name


@pytest.mark.parametrize("text", ["", "Shift+!", "Ä", "Tab", "Shift", "Volume Up", "Ctrl++"])
def test_a_key_that_napari_does_not_hear_then_is_refused(text: str) -> None:
    with pytest.raises(KeymapError, match="choose a letter"):
        key_named(text)


def test_a_key_of_another_action_when_chosen_then_one_sentence_names_that_action() -> None:
    with pytest.raises(
        KeymapError, match=r"^X is the key of 'delete an object'; give that one another key first\.$"
    ):
        Keymap().with_key("merge", "X")
    assert Keymap().with_key("delete", "X") == Keymap()


def test_a_key_that_became_free_when_chosen_then_is_the_action_s() -> None:
    keymap = Keymap().with_key("delete", "Delete").with_key("merge", "X")
    assert (keymap["delete"], keymap["merge"], keymap.action("X"), keymap.action("M")) == (
        "Delete", "X", "merge", None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("system", "text", "binding"),
    [(OperatingSystem.MACOS, "Shift+Cmd+Z", "Shift+Meta+Z"), (OperatingSystem.LINUX, *["Ctrl+Shift+Z"] * 2)],
)
def test_ctrl_then_is_the_command_key_on_a_mac_as_for_napari_itself(
    system: OperatingSystem, text: str, binding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app_model.types._constants._CURRENT", system)
    assert (Keymap().text("redo"), str(Keymap().binding("redo"))) == (text, binding)
    assert Keymap().text("clear") == "Esc"


def test_settings_when_read_back_then_give_the_same_keymap() -> None:
    keymap = Keymap().with_key("delete", "Delete").with_key("merge", "X")
    assert keymap.to_settings() == {"delete": "Delete", "merge": "X"}
    assert Keymap.from_settings(keymap.to_settings()) == keymap


@pytest.mark.parametrize("settings", [None, True, {"fly": "T"}, {"merge": 3}, {"merge": "Tab"}, ["X"]])
def test_settings_that_make_no_sense_then_are_as_if_not_there(settings: object) -> None:
    assert Keymap.from_settings(settings) == Keymap()


def test_a_chosen_key_that_is_another_s_default_then_holds_and_the_other_has_none() -> None:
    keymap = Keymap.from_settings({"merge": "X", "split": "X"})
    assert (keymap["merge"], keymap["split"], keymap["delete"]) == ("X", "S", "")
    assert keymap.binding("delete") is None
    assert keymap.text("delete") == "no key"
    assert keymap.with_key("delete", "T")["delete"] == "T"
