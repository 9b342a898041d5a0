"""Paragraphs and citations of sessions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from napari_sam.predict import Prompts
from napari_sam.session import Edit, Object
from napari_sam.session.journal.citations import citations
from napari_sam.session.journal.methods import paragraph, references
from napari_sam.session.journal.record import Record
from napari_sam.weights import list_models

ROOT = Path(__file__).parents[3]
SEEN = {"method": "percentile", "low": [3.0], "high": [90.0], "window": None}


def prompted(number: int, prompts: Prompts, choice: int, suggested: int) -> Object:
    return Object(
        number, (number % 2,), (0, 0), np.ones((3, 3), bool), prompts, choice, suggested,
        model="cell-tiny", weights_hash="f00dcafe", software="0.1.0", normalization=SEEN,
        made=f"2026-11-{20 + number}T05:00:00+00:00", author="ada" if number % 2 else "bo",
    )  # fmt: skip


@pytest.fixture
def record() -> Record:
    one = prompted(1, Prompts([(1.0, 1.0)], [1]), 2, 2)
    two = prompted(2, Prompts([(1.0, 1.0), (2.0, 2.0)], [1, 0]), 0, 0)
    three = prompted(3, Prompts(box=(0.0, 0.0, 2.0, 2.0)), 1, 0)
    four = prompted(4, Prompts([(1.0, 1.0)], [1], mask=np.ones((4, 4))), 0, 0)
    painted = Object(5, (0,), (9, 9), np.ones((2, 2), bool))
    found = replace(prompted(6, Prompts(box=(20.0, 9.0, 21.0, 10.0)), 0, 0), made="", author="")
    many = [
        replace(prompted(number, Prompts(box=(7.0, 7.0, 9.0, 9.0)), 0, 0), made="", author="")
        for number in (7, 8)
    ]
    edits = [
        *(Edit("commit", (), (each,)) for each in (one, two, three, four)),
        Edit("paint", (), (painted,)),
        Edit("smooth", (two,), (replace(two, mask=np.ones((2, 2), bool)),)),
        Edit("accept", (), (found,)),
        Edit("commit", (), tuple(many)),
        Edit("delete", (four,), ()),
    ]
    there = Object(9, (0,), (30, 9), np.ones((2, 2), bool))
    return Record({"version": 3, "shape": [2, 40, 50]}, (there,), tuple(edits), ())


def test_the_paragraph_when_written_then_tells_what_stands_and_how_it_was_made(record: Record) -> None:
    assert paragraph(record) == (
        "Objects were annotated with napari-sam-microscopy (version 0.1.0), an implementation of Segment"
        " Anything (Kirillov et al., 2023) for napari (napari contributors, 2019), with the model"
        " cell-tiny (SHA-256 of its weights f00dcafe; Caicedo et al., 2019; Tsai et al., 2019; Zaimi et"
        " al., 2018; Janelia FlyEM; WSU_PlantBio_ML contributors; Wolny et al., 2020; van Vliet et al.,"
        " 2018). The image of 2 x 40 x 50 pixels has 8 objects in 2 planes: 5 segmented from prompts, 1"
        " proposed by the model and accepted, 1 painted by hand and 1 taken over from existing labels, by"
        " 2 people between 2026-11-21 and 2026-11-23. The prompts were 2 points inside, 1 point outside"
        " and 3 boxes. Of 2 objects with a choice among candidate masks, the suggested one was taken for 1"
        " (50 %). Edits by hand: 1 brush stroke, 1 smoothing and 1 deletion. Intensities between the 0.1"
        " and 99.9 percentiles of each plane became 0 to 255."
    )


def test_the_paragraph_when_nothing_is_known_then_says_no_more(an_object: Callable[[int], Object]) -> None:
    plain = Object(1, (), (0, 0), np.ones((2, 2), bool))
    told = paragraph(Record({"shape": [40, 50]}, (plain,), (), ()))
    assert told.endswith("has 1 object: 1 taken over from existing labels. No mask was edited by hand.")
    several = replace(an_object(5), normalization={**SEEN, "low": [1, 2], "window": [0, 0, 9, 9]})
    of_planes = [replace(several, plane=(plane,)) for plane in range(3)]
    edits = (Edit("accept", (), tuple(of_planes[:1])), Edit("follow", (), tuple(of_planes[1:])))
    told = paragraph(Record({"shape": [3, 40, 50]}, (), edits, ()))
    assert "1 object (3 masks) in 3 planes: 1 proposed by the model and accepted and 2 followed" in told
    assert "of each plane or of the part of it that was seen became 0 to 255 (2 channels)." in told


def test_the_citations_when_listed_then_the_software_is_as_in_its_own_file(record: Record) -> None:
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    cited = {each.key: each for each in references(record)}
    own, paper = cited["napari_sam_microscopy"], cited["kirillov2023"]
    assert (own.title, own.fields["version"]) == (cff["title"], cff["version"])
    assert [each.strip("{}") for each in own.author] == [each["name"] for each in cff["authors"]]
    (other,) = cff["references"]
    assert (paper.title, paper.fields["doi"], paper.fields["year"]) == (
        other["title"],
        other["doi"],
        other["year"],
    )
    assert list(paper.author) == [
        f"{each['family-names']}, {each['given-names']}" for each in other["authors"]
    ]
    assert paper.text.startswith("Kirillov, Alexander; Mintun, Eric;")
    assert paper.text.endswith("(ICCV). https://doi.org/10.1109/ICCV51070.2023.00371")
    assert own.text == (
        "napari-sam-microscopy maintainers. napari-sam-microscopy: Segment Anything for microscopy in napari."
        " Version 0.1.0."
    )


def test_every_known_model_when_cited_then_its_works_have_complete_bibtex() -> None:
    names = [entry.name for entry in list_models()]
    works = citations(names, "0.1.0")
    assert {"caicedo2019", "archit2025", "griebel2025"} <= {each.key for each in works}
    fine_tuned = [
        name for name in names if name not in ("vit_b", "vit_l", "vit_h")
    ]  # whose paper is the method's
    assert all(len(citations([name], "")) > 3 for name in fine_tuned)
    for each in works:
        assert each.bibtex.startswith(f"@{each.type}{{{each.key},\n  author = {{")
        assert each.bibtex.count("{") == each.bibtex.count("}")
        assert {"doi", "url", "version"} & each.fields.keys()


def test_the_sets_that_cell_tiny_saw_when_its_configuration_names_them_then_are_cited() -> None:
    configuration = (ROOT / "configs" / "cell-tiny.toml").read_text(encoding="utf-8")
    sets = {
        line.split('"')[1].split("/")[0] for line in configuration.splitlines() if line.startswith("images")
    }
    assert len(citations(["cell-tiny"], "")) - 3 == len(sets)
