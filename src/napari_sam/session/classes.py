"""The classes that a person sorts objects into: names, each with a colour that everyone can tell apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from napari_sam.errors import PromptError

COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
"""Okabe and Ito's palette for colour-blind people (jfly.uni-koeln.de/color), without black."""
NONE = "none"
"""What having no class is called."""
UNSORTED = "#999999"
"""The colour of objects without a class."""


@dataclass(frozen=True)
class Classes:
    """Names with their colours, in the order in which they were added.

    Attributes
    ----------
    colours : mapping of str to str
        Of each name, such as "#e69f00".
    """

    colours: Mapping[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[str]:
        return iter(self.colours)

    def __contains__(self, name: object) -> bool:
        return name in self.colours

    def colour(self, name: str) -> str:
        """Return a class's colour; grey for none."""
        return self.colours.get(name, UNSORTED)

    def with_names(self, names: Iterable[str]) -> Classes:
        """Return these and those classes that are not there yet."""
        colours = dict(self.colours)
        for name in names:
            if name and name not in colours:
                colours[name] = _next_colour(colours)
        return Classes(colours)

    def add(self, name: str) -> Classes:
        """Return these and one more.

        Raises
        ------
        PromptError
            If it has no name, that of another one, or that of none.
        """
        return self.with_names([self._checked(name)])

    def rename(self, old: str, new: str) -> Classes:
        """Return these with another name for one, which keeps its place and colour.

        Raises
        ------
        PromptError
            If the name is empty, that of another one, or that of none.
        """
        new = new.strip() if new.strip() == old else self._checked(new)
        return Classes({new if name == old else name: colour for name, colour in self.colours.items()})

    def without(self, name: str) -> Classes:
        """Return these but one."""
        return Classes({each: colour for each, colour in self.colours.items() if each != name})

    def _checked(self, name: str) -> str:
        name = name.strip()
        if not name:
            raise PromptError("A class needs a name; type one.")
        if name == NONE:
            raise PromptError(f"{NONE!r} is what having no class is called; give this one another name.")
        if name in self.colours:
            raise PromptError(f"There is a class {name!r} already; give this one another name.")
        return name


def _next_colour(colours: Mapping[str, str]) -> str:
    """Return the colour that the fewest classes have, the first of those."""
    taken = list(colours.values())
    return min(COLOURS, key=taken.count)
