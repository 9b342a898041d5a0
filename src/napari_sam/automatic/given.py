"""Settings as a script gives them: of the kind that is wanted, with numbers where numbers are."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, TypeVar, get_args, get_type_hints

Settings = TypeVar("Settings")
NUMBERS = {float: (Real, "a number"), int: (Integral, "a whole number"), type(None): (type(None), "None")}
"""What stands for numbers, numpy's among them, and how it is called."""


def settings_given(settings: Settings | None, kind: type[Settings]) -> Settings:
    """Return settings, or the default ones if there are none.

    Raises
    ------
    TypeError
        If they are something else, such as a dictionary or settings of another kind.
    """
    if settings is None:
        return kind()
    if not isinstance(settings, kind):
        name = kind.__name__
        raise TypeError(f"{name} are wanted and not {type(settings).__name__}; give {name}(...), or None.")
    return settings


def check_kinds(settings: Any) -> None:
    """Make sure that every value of a dataclass is of the kind that it says.

    Raises
    ------
    TypeError
        If one is of another kind, such as text.
    """
    owner = type(settings)
    for name, hint in get_type_hints(owner).items():
        kinds = [NUMBERS.get(kind, (kind, kind.__name__)) for kind in get_args(hint) or (hint,)]
        value = getattr(settings, name)
        if not isinstance(value, tuple(kind for kind, _ in kinds)):
            wanted = " or ".join(called for _, called in kinds)
            raise TypeError(f"{name} of {owner.__name__} is {value!r}; give {wanted}.")
