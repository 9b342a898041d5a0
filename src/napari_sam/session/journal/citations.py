"""What a paper cites: the method, the viewer, the models and their data."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

ALWAYS = ("kirillov2023", "napari_sam_microscopy", "napari2019")


@dataclass(frozen=True)
class Citation:
    """One work.

    Attributes
    ----------
    key, type, title : str
    author : tuple of str
        "Family, Given", the name of a group in braces, or "others" at the end.
    fields : dict
        Everything else, as BibTeX names it.
    """

    key: str
    type: str
    title: str
    author: tuple[str, ...]
    fields: dict[str, Any]

    @property
    def short(self) -> str:
        """How a sentence names it, such as "Kirillov et al., 2023"."""
        first = self.author[0].split(",")[0].strip("{}")
        return ", ".join(filter(None, (f"{first}{_others(self.author)}", str(self.fields.get("year", "")))))

    @property
    def text(self) -> str:
        """Return the entry of a list of references."""
        names = [each.strip("{}") for each in self.author if each != "others"]
        authors = "; ".join(names) + (" et al." if "others" in self.author else "")
        fields = self.fields
        year = f" ({fields['year']})" if "year" in fields else ""
        pages = f", {fields['pages']}" if "pages" in fields else ""
        source = fields.get("journal") or fields.get("booktitle") or ""
        version = f"Version {fields['version']}" if "version" in fields else ""
        parts = [
            f"{authors}{year}",
            self.title,
            f"{source} {fields.get('volume', '')}".strip() + pages,
            version,
        ]
        link = (
            f" https://doi.org/{fields['doi']}" if "doi" in fields else f" {fields.get('url', '')}".rstrip()
        )
        return ". ".join(filter(None, parts)) + "." + link

    @property
    def bibtex(self) -> str:
        """Return the BibTeX entry."""
        values = {"author": " and ".join(self.author), "title": f"{{{self.title}}}", **self.fields}
        lines = "".join(f"  {name} = {{{value}}},\n" for name, value in values.items())
        return f"@{self.type}{{{self.key},\n{lines}}}"


def citations(models: Iterable[str], version: str) -> tuple[Citation, ...]:
    """Return what is cited for work with some models and a version of this software."""
    known = _table()
    keys = [*ALWAYS, *(key for model in models for key in known["models"].get(model, ()))]
    found = []
    for key in dict.fromkeys(keys):
        fields = dict(known[key])
        if key == "napari_sam_microscopy" and version:
            fields["version"] = version
        kind, title, author = (fields.pop(name) for name in ("type", "title", "author"))
        found.append(Citation(key, kind, title, tuple(author), fields))
    return tuple(found)


def _others(author: tuple[str, ...]) -> str:
    if len(author) == 2 and author[1] != "others":
        return f" and {author[1].split(',')[0]}"
    return " et al." if len(author) > 1 else ""


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("citations.toml").read_text(encoding="utf-8"))
