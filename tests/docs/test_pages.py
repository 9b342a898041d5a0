from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from npe2 import PluginManifest

from napari_sam.cli.main import build_parser, helps

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands() -> Iterator[str]:
    """Yield every line of the pages that starts napari-sam."""
    for page in PAGES:
        for block in re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            lines = block.replace("\\\n", " ").splitlines()
            yield from (line for line in lines if re.match(r"(\.venv/bin/)?napari-sam ", line))


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_a_command_in_the_pages_when_typed_then_is_understood(line: str) -> None:
    arguments = build_parser().parse_args(shlex.split(line, comments=True)[1:])
    assert callable(arguments.run)


def test_every_command_when_there_are_pages_then_is_shown_in_one() -> None:
    assert {shlex.split(line, comments=True)[1] for line in commands()} == set(helps())


def test_a_menu_in_the_pages_when_looked_for_then_the_plugin_has_it() -> None:
    plugin = PluginManifest.from_distribution("napari-sam-microscopy")
    widgets, samples = plugin.contributions.widgets or [], plugin.contributions.sample_data or []
    has = {f"Plugins > {plugin.display_name} > {each.display_name}" for each in widgets}
    has |= {f"File > Open Sample > {plugin.display_name} > {each.display_name}" for each in samples}
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"\*((?:Plugins|File > Open Sample) > [^*]*> [^*]*)\*", text))
    assert len(named) >= 3
    assert named <= has


def test_a_picture_when_it_lies_there_then_a_page_shows_it_and_it_is_small() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    shown = set(re.findall(r"images/([\w-]+\.png)\)", text))
    pictures = {each.name: each.stat().st_size for each in (ROOT / "docs" / "images").iterdir()}
    assert shown == set(pictures)
    assert max(pictures.values()) < 200_000


def test_the_pages_when_built_then_nothing_is_missing_and_every_help_is_there(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="the pages are built with the extra docs")
    building = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "docs", str(tmp_path)]
    done = subprocess.run(building, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "reference" / "commands.html").read_text(encoding="utf-8")
    assert all(f'id="{name}"' in page for name in helps())
    assert "usage: napari-sam segment" in page
    assert 'id="napari_sam.predict.Predictor.predict_many"' in (
        tmp_path / "reference" / "python.html"
    ).read_text(encoding="utf-8")
