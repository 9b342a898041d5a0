from __future__ import annotations

from pathlib import Path

import pytest

from napari_sam.cli import main
from napari_sam.cli.models import check_file
from napari_sam.errors import WeightsError
from napari_sam.weights import ModelEntry, list_models

SHA_OF_HELLO = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPARI_SAM_CACHE", str(tmp_path))
    return tmp_path


def entry(file: str = "hello.pth") -> ModelEntry:
    return ModelEntry(
        "hello", "a greeting", "CC0-1.0", file, url="https://example.org/hello", hash=SHA_OF_HELLO
    )


def test_list_when_run_then_shows_every_model_and_which_are_here(capsys: pytest.CaptureFixture[str]) -> None:
    vit_b = next(model for model in list_models() if model.name == "vit_b")
    vit_b.path.write_text("not really")
    assert main(["models", "list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert list(lines) == [model.name for model in list_models()]
    assert " bundled " in lines["cell-tiny"]
    assert " here " in lines["vit_b"]
    assert "375 MB" in lines["vit_b"]
    assert " here " not in lines["vit_l"]


def test_download_when_the_model_is_bundled_then_says_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "download", "cell-tiny"]) == 0
    assert "cell-tiny.safetensors" in capsys.readouterr().out


def test_download_when_no_model_is_named_then_exit_status_is_2() -> None:
    with pytest.raises(SystemExit) as left:
        main(["models", "download"])
    assert left.value.code == 2


def test_verify_when_only_the_bundled_model_is_here_then_it_is_fine(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["models", "verify"]) == 0
    assert capsys.readouterr().out.startswith("cell-tiny is as published")


def test_verify_when_a_file_is_damaged_then_one_line_says_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    next(model for model in list_models() if model.name == "vit_b").path.write_text("damaged")
    assert main(["models", "verify"]) == 1
    assert "delete it and run `napari-sam models download vit_b`" in capsys.readouterr().err


def test_verify_when_the_model_is_not_here_then_one_line_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["models", "verify", "vit_l"]) == 1
    assert "`napari-sam models download vit_l` gets it" in capsys.readouterr().err


def test_a_file_when_it_matches_its_checksum_then_passes(cache: Path) -> None:
    (cache / "hello.pth").write_text("hello")
    check_file(entry())
    (cache / "hello.pth").write_text("hallo")
    with pytest.raises(WeightsError, match="is not the file"):
        check_file(entry())
