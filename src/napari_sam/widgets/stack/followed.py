"""What is said of an object that was followed through the planes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from napari_sam.wording import amount

if TYPE_CHECKING:
    from napari_sam.errors import ImageError
    from napari_sam.session import Object
    from napari_sam.session.following import Following

    from ..keys.keyboard import Keyboard

LOST = "Label {label} was not found in the neighbouring planes."


def followed(plan: Following, found: Sequence[Object], keyboard: Keyboard) -> str:
    """Say where an object goes, or that it was lost.

    Parameters
    ----------
    plan : Following
    found : sequence of Object
        Its masks in other planes than the given ones.
    keyboard : Keyboard
        Which keys to name.
    """
    label, undo = plan.key[0], keyboard.text("undo")
    if found:
        planes = sorted({*plan.given, *(each.plane[plan.axis] for each in found)})
        return (
            f"Label {label} goes through {amount(len(planes), 'plane')}, {planes[0]} to {planes[-1]}."
            f" Where it is wrong, reopen it ({keyboard.text('reopen')}), commit, and follow again;"
            f" {undo} takes it back."
        )
    lost = LOST.format(label=label)
    return (
        f"{lost.removesuffix('.')} any more; {undo} brings its masks there back." if plan.followed else lost
    )


def stopped(plan: Following, found: Sequence[Object], unread: Mapping[int, ImageError]) -> str:
    """Say in which planes an object could not be looked for, and what is kept."""
    first, *others = sorted(unread)
    more = f" and {amount(len(others), 'further plane')}" if others else ""
    kept = (
        f"its masks in {amount(len(found), 'other plane')} are kept" if found else "nothing was found before"
    )
    return f"Label {plan.key[0]} could not be followed at plane {first}{more}; {kept}. {unread[first]}"
