from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_sam.cli import main
from napari_sam.session import Edit, Object
from napari_sam.session.journal.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    journal = Journal(tmp_path / "a.journal", (30, 40))
    made = Object(1, (), (0, 0), np.ones((2, 2), bool), model="vit_b", weights_hash="f00d", software="0.1.0")
    journal.write("do", Edit("accept", (), (made,)))
    journal.close()
    return journal.path


def test_methods_when_asked_then_a_paragraph_and_references(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["methods", str(journal)]) == 0
    paragraph, title, *references = capsys.readouterr().out.strip().split("\n\n")
    assert "with the model vit_b (SHA-256 of its weights f00d)" in paragraph
    assert title == "References"
    assert len(references[0].splitlines()) == 3


def test_methods_when_asked_for_bibtex_then_nothing_else(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["methods", str(journal), "--bibtex"]) == 0
    entries = capsys.readouterr().out.strip().split("\n\n")
    assert [entry.split("{")[0] for entry in entries] == ["@inproceedings", "@software", "@software"]


def test_methods_when_there_is_no_journal_then_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["methods", str(tmp_path / "b.journal")]) == 1
    assert "b.journal cannot be read (No such file or directory); give" in capsys.readouterr().err
    (tmp_path / "cells.napari-sam").mkdir()
    (tmp_path / "cells.napari-sam" / "a.journal").touch()
    assert main(["methods", str(tmp_path / "cells.napari-sam")]) == 1
    told = capsys.readouterr().err
    assert (
        f"is a folder; give a journal in it, such as {tmp_path / 'cells.napari-sam' / 'a.journal'}." in told
    )
