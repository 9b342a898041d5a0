"""How a session's objects were made, as the paragraph of a paper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from napari_sam.predict import Prompts
from napari_sam.predict.image import PERCENTILES
from napari_sam.wording import counted

from ..objects import ACCEPT, ADOPT, COMMIT, FOLLOW, PAINT, Edit, Key, Object
from .citations import Citation, citations
from .record import Record, steps_of

DONE = {
    PAINT: ("brush stroke",),
    "merge": ("merging",),
    "split": ("split",),
    "fill_holes": ("filling of holes", "fillings of holes"),
    "remove_specks": ("removal of specks", "removals of specks"),
    "smooth": ("smoothing",),
    "delete": ("deletion",),
}
"""Edits by hand that change masks, as they are counted."""


def paragraph(record: Record) -> str:
    """Return the paragraph of a methods section: what was made, by which model, from what, by whom.

    Parameters
    ----------
    record : Record
        Only what stands in the end counts, and what was undone does not.
    """
    objects, steps = record.objects, steps_of(record)
    # what was found without a person's prompts is asked for by boxes or points of the program's
    prompted = [each for each in objects if each.prompts is not None and steps[each.key][0] == COMMIT]
    # candidates were shown of a single object, and not of those of many boxes
    alone = {edit.after[0].key for edit in record.line if edit.what == COMMIT and len(edit.after) == 1}
    sentences = [
        _tool(objects),
        _counted(record, objects, steps),
        _prompts([each.prompts for each in prompted if each.prompts is not None]),
        _suggestions([each for each in prompted if each.key in alone]),
        _by_hand(record.done),
        _normalization(objects),
    ]
    return " ".join(filter(None, sentences))


def references(record: Record) -> tuple[Citation, ...]:
    """Return what the paragraph cites."""
    return citations(sorted({each.model for each in record.objects}), ", ".join(_versions(record.objects)))


def _versions(objects: Sequence[Object]) -> list[str]:
    return sorted({each.software for each in objects if each.software})


def _tool(objects: Sequence[Object]) -> str:
    versions = _versions(objects)
    version = f" (version{'s' * (len(versions) > 1)} {_listed(versions)})" if versions else ""
    models = Counter((each.model, each.weights_hash) for each in objects if each.model)
    known = {name: citations([name], "")[3:] for name, _ in models}
    by = [f"{name} (SHA-256 of its weights {weights}{_cited(known[name])})" for name, weights in models]
    with_models = f", with the model{'s' * (len(by) > 1)} {_listed(by)}" if by else ""
    named = {each.key: each.short for each in citations((), "")}
    return (
        f"Objects were annotated with napari-sam-microscopy{version}, an implementation of Segment Anything"
        f" ({named['kirillov2023']}) for napari ({named['napari2019']}){with_models}."
    )


def _cited(data: Sequence[Citation]) -> str:
    return f"; {'; '.join(each.short for each in data)}" if data else ""


def _counted(record: Record, objects: Sequence[Object], steps: Mapping[Key, tuple[str, ...]]) -> str:
    """Tell how many objects there are, and how they began."""
    began = Counter(steps[each.key][0] for each in objects)
    planes = {each.plane for each in objects}
    size = " x ".join(map(str, record.shape))
    people = len({each.author for each in objects if each.author})
    days = sorted({each.made[:10] for each in objects if each.made})
    kinds = {
        COMMIT: "segmented from prompts",
        ACCEPT: "proposed by the model and accepted",
        FOLLOW: "followed through planes by the model",
        PAINT: "painted by hand",
        ADOPT: "taken over from existing labels",
    }
    told = [f"{began[kind]} {words}" for kind, words in kinds.items() if began[kind]]
    where = f" in {_number(len(planes), 'plane')}" if planes and () not in planes else ""
    who = f", by {_number(people, 'person', 'people')}" if people else ""
    when = f" between {days[0]} and {days[-1]}" if len(days) > 1 else f" on {days[0]}" if days else ""
    count = counted([each.id for each in objects])
    return f"The image of {size} pixels has {count}{where}: {_listed(told)}{who}{when}."


def _prompts(given: Sequence[Prompts]) -> str:
    if not given:
        return ""
    inside = sum(int((each.labels == 1).sum()) for each in given)
    outside = sum(int((each.labels == 0).sum()) for each in given)
    kinds = [
        (inside, "point inside", "points inside"),
        (outside, "point outside", "points outside"),
        (sum(each.box is not None for each in given), "box", "boxes"),
        (sum(each.mask is not None for each in given), "refined earlier mask", "refined earlier masks"),
    ]
    return f"The prompts were {_listed(_number(*kind) for kind in kinds if kind[0])}."


def _suggestions(prompted: Sequence[Object]) -> str:
    """Tell how often the suggestion was taken where there was a choice."""
    asked = [
        each for each in prompted if each.suggested is not None and each.prompts and each.prompts.ambiguous
    ]
    if not asked:
        return ""
    taken = sum(each.choice == each.suggested for each in asked)
    return (
        f"Of {_number(len(asked), 'object')} with a choice among candidate masks, the suggested one was taken"
        f" for {taken} ({100 * taken / len(asked):.0f} %)."
    )


def _by_hand(done: Sequence[Edit]) -> str:
    counts = Counter(edit.what for edit in done if edit.what in DONE)
    if not counts:
        return "No mask was edited by hand."
    told = _listed(_number(counts[what], *names) for what, names in DONE.items() if counts[what])
    return f"Edits by hand: {told}."


def _normalization(objects: Sequence[Object]) -> str:
    known: list[Any] = [each.normalization for each in objects if each.normalization]
    if not known:
        return ""
    methods = {each["method"] for each in known}
    parts = " or of the part of it that was seen" if any(each.get("window") for each in known) else ""
    told = []
    if "percentile" in methods:
        low, high = PERCENTILES
        told.append(
            f"intensities between the {low:g} and {high:g} percentiles of each plane{parts} became 0 to 255"
        )
    if None in methods:
        told.append("intensities of 0 to 255 were used as they are")
    channels = sorted({len(each["low"]) for each in known})
    several = f" ({_listed(str(count) for count in channels)} channels)" if max(channels) > 1 else ""
    words = _listed(told)
    return f"{words[0].upper()}{words[1:]}{several}."


def _number(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def _listed(words: Iterable[str]) -> str:
    """Return "a, b and c"."""
    *first, last = list(words) or [""]
    return f"{', '.join(first)} and {last}" if first else last
