"""What can be done with a key, and with which: plain data, without Qt."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from app_model.types import KeyBinding, KeyCode, KeyMod, SimpleKeyBinding

from napari_sam.errors import KeymapError

CHOICES = ("first", "second", "third")
"""The actions that commit a candidate, in the order in which candidates are shown."""
EDITS = ("delete", "merge", "fill_holes", "smooth", "remove_specks")
"""The actions that need no more than objects; an operation of the session each."""
DEFAULTS: Mapping[str, str] = {
    "points": "P",
    "boxes": "B",
    "scribbles": "K",
    "lassos": "L",
    "swap": "N",
    "first": "1",
    "second": "2",
    "third": "3",
    "commit": "Enter",
    "clear": "Escape",
    "undo": "Ctrl+Z",
    "redo": "Ctrl+Shift+Z",
    "reopen": "R",
    "delete": "X",
    "merge": "M",
    "split": "S",
    "fill_holes": "H",
    "smooth": "O",
    "remove_specks": "D",
    "classify": "C",
    "follow": "F",
    "accept": "A",
    "reject": "Q",
    "correct": "E",
    "next": ".",
    "previous": ",",
}
"""Every action that has a key, with the key that it has unless a person chooses another."""
TITLES: Mapping[str, str] = {
    "points": "draw points",
    "boxes": "draw boxes",
    "scribbles": "draw scribbles",
    "lassos": "draw lassos",
    "swap": "swap inside, outside",
    "first": "commit the first",
    "second": "commit the second",
    "third": "commit the third",
    "commit": "commit the marked (*)",
    "clear": "drop the prompts",
    "undo": "take back",
    "redo": "bring back",
    "reopen": "reopen an object",
    "delete": "delete an object",
    "merge": "merge the selected",
    "split": "split at two points",
    "fill_holes": "fill holes",
    "smooth": "smooth",
    "remove_specks": "remove specks",
    "classify": "give the current class",
    "follow": "follow in a stack",
    "accept": "accept a proposal",
    "reject": "reject a proposal",
    "correct": "correct a proposal",
    "next": "next proposal",
    "previous": "previous proposal",
}
"""What an action does, in a few words."""
MOUSE = (
    ("click", "point inside"),
    ("Ctrl+click", "point outside"),
    ("Shift+click", "commit the filled one"),
    ("Shift+wheel", "mark another (*)"),
    ("Shift+click", "select an object"),
)
"""What the mouse does, which stays as it is."""
OTHER_NAMES = {
    "Esc": "Escape",
    "Return": "Enter",
    "Del": "Delete",
    "Ins": "Insert",
    "PgUp": "PageUp",
    "PgDown": "PageDown",
}
"""Qt's names of keys that napari calls otherwise."""
NEVER = (KeyCode.Tab, KeyCode.UNKNOWN)
"""Keys that never reach napari's layers."""


def key_named(text: str) -> str:
    """Return the name by which a key is kept, such as "Ctrl+Shift+Z" or "Enter".

    Parameters
    ----------
    text : str
        As Qt's portable text gives it: modifiers and one key, where Ctrl is the command key on a Mac.

    Raises
    ------
    KeymapError
        If napari would not hear of it.
    """
    parts = text.replace("Num+", "").rsplit("+", 1)
    parts[-1] = OTHER_NAMES.get(parts[-1], parts[-1])
    key = SimpleKeyBinding.from_str("+".join(parts))
    if key.is_modifier_key() or key.key in NEVER:
        raise KeymapError(
            f"napari does not hear of the key {text!r}; choose a letter, a digit, or one such as Enter or F5."
        )
    printed = str(key.key)
    if len(printed) == 1 and not printed.isalpha():
        key.shift = False  # it made this character, and napari tells of the character alone
    return str(key)


@dataclass(frozen=True)
class Keymap:
    """Which key does what.

    Attributes
    ----------
    keys : mapping of str to str
        The key of every action in `DEFAULTS`, as `key_named` names it; an empty one for none.
    """

    keys: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULTS))

    def __getitem__(self, action: str) -> str:
        return self.keys[action]

    def action(self, key: str) -> str | None:
        """Return what a key does."""
        return next((action for action, its in self.keys.items() if key and its == key), None)

    def binding(self, action: str) -> KeyBinding | None:
        """Return an action's key as napari binds it on this operating system."""
        if not self.keys[action]:
            return None
        part = SimpleKeyBinding.from_str(self.keys[action])
        held = (
            (part.ctrl, KeyMod.CtrlCmd),
            (part.shift, KeyMod.Shift),
            (part.alt, KeyMod.Alt),
            (part.meta, KeyMod.WinCtrl),
        )
        number = int(part.key or 0) | sum(int(modifier) for is_held, modifier in held if is_held)
        return KeyBinding.from_int(number)

    def text(self, action: str) -> str:
        """Return an action's key as this operating system's keyboards name it."""
        binding = self.binding(action)
        return "no key" if binding is None else binding.to_text().replace("Escape", "Esc")

    def with_key(self, action: str, key: str) -> Keymap:
        """Return a keymap in which an action has another key.

        Raises
        ------
        KeymapError
            If another action has it.
        """
        other = self.action(key)
        if other not in (None, action):
            taken = Keymap({**self.keys, action: key}).text(action)
            raise KeymapError(f"{taken} is the key of {TITLES[other]!r}; give that one another key first.")
        return Keymap({**self.keys, action: key})

    @classmethod
    def from_settings(cls, values: object) -> Keymap:
        """Read what `to_settings` gave; what makes no sense is as if it were not there.

        Where a chosen key is another action's by default, the choice holds, and the other has no key.
        """
        chosen: dict[str, str] = {}
        for action, text in values.items() if isinstance(values, Mapping) else ():
            with suppress(KeymapError):
                key = key_named(text if isinstance(text, str) else "")
                if action in DEFAULTS and key not in chosen.values():
                    chosen[action] = key
        left = {action: "" if key in chosen.values() else key for action, key in DEFAULTS.items()}
        return cls({**left, **chosen})

    def to_settings(self) -> dict[str, str]:
        """Return plain JSON values: the keys that are not the default ones."""
        return {action: key for action, key in self.keys.items() if key not in ("", DEFAULTS[action])}
