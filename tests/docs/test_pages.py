from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_sam
from napari_sam.automatic import AutomaticSettings
from napari_sam.automatic.batch.files import LARGE
from napari_sam.cli.main import build_parser, helps
from napari_sam.predict.window import MOST, SIDE
from napari_sam.session.embeddings import DISK, MEMORY
from napari_sam.session.opening import LEAST, WHOLE

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "napari_sam"
CARD = SOURCE / "assets" / "cell-tiny.md"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OTHERS = [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((SOURCE / "assets").rglob("*.md"))]


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


def test_an_example_in_the_help_of_a_command_when_typed_then_is_understood() -> None:
    for name, text in helps().items():
        examples = re.findall(r"^  (?:torchrun .*--no-python )?napari-sam (.*)", text, re.MULTILINE)
        assert examples, name
        for line in examples:
            build_parser().parse_args(shlex.split(line.split(" > ")[0], comments=True))


def test_an_option_in_the_pages_when_looked_for_then_a_command_has_it() -> None:
    options = {"--check", *re.findall(r"--[a-z][a-z-]+", "".join(helps().values()))}  # and one of ruff's
    for page in (*PAGES, *OTHERS):
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        named = re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)
        assert [each for each in named if each not in options] == [], page.name


def test_a_variable_in_the_pages_when_looked_for_then_is_read_and_every_one_is_told() -> None:
    code = "".join(each.read_text(encoding="utf-8") for each in SOURCE.rglob("*.py"))
    read = set(re.findall(r'environ\.get\("(NAPARI_SAM_\w+)', code))
    told = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert len(read) == 3
    assert read == set(re.findall(r"NAPARI_SAM_[A-Z]+", told))


def test_a_python_block_in_the_pages_when_parsed_then_its_names_of_the_package_are_there() -> None:
    found = 0
    for page in PAGES:
        for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("napari_sam"):
                    exec(ast.unparse(node), {})  # noqa: S102 (one import)
                    found += 1
                elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "ns":
                    assert node.attr in napari_sam.__all__, f"ns.{node.attr} in {page.name}"
                    found += 1
    assert found > 8


def test_a_file_of_the_project_in_the_pages_when_looked_for_then_is_there() -> None:
    for page in (*PAGES, *OTHERS, ROOT / "benchmarks" / "README.md"):
        text = page.read_text(encoding="utf-8")
        links = re.findall(r"\]\((?!https?:)([^)#\s]+)", text)
        assert [each for each in links if not (page.parent / each).exists()] == [], page.name
        named = re.findall(r"`((?:docs|src|tests|configs|benchmarks|predict|training)/[\w./-]+)`", text)
        roots = (ROOT, SOURCE)
        assert [each for each in named if not any((root / each).exists() for root in roots)] == [], page.name


def test_the_figures_of_the_model_when_told_in_the_readme_then_are_those_of_its_card() -> None:
    number = r"(\d\.\d\d)"
    readme = re.findall(
        rf"(\d+) objects \| {number} \| {number} \| {number} \| {number} \|",
        PAGES[0].read_text(encoding="utf-8"),
    )
    rows = re.findall(
        rf"\*\*all\*\* \| (\d+) \| {number} \| {number} \| {number} \| {number} \| {number} \|",
        CARD.read_text(encoding="utf-8"),
    )
    assert len(readme) == 3
    assert readme == [(*row[:4], row[5]) for row in rows[:3]]  # the card has one correction, too


def test_a_limit_in_the_pages_when_it_is_a_default_then_is_that_of_the_program() -> None:
    settings = AutomaticSettings()
    sizes = (settings.dense.smallest_diameter, settings.dense.largest_diameter)
    cache = (f"{DISK >> 30} GB", f"{MEMORY >> 30} GB")
    told = {
        "explanation/large-images.md": (*(f"{each:,}" for each in (WHOLE, SIDE, MOST, LEAST)), *cache),
        "explanation/automatic.md": (
            *(f"({side} {each:.0f}" for side, each in zip(("under", "over"), sizes, strict=True)),
            f"times stability of {settings.second_look}, and",
            f"less than {settings.promise} of what",
            f"{settings.dense.prominence:.2f}, the default",
        ),
        "how-to/large-images.md": (f"{WHOLE:,} pixels",),
        "how-to/memory.md": cache,
        "reference/files.md": (f"over {LARGE:,} pixels",),
    }
    for page, words in told.items():
        text = " ".join((ROOT / "docs" / page).read_text(encoding="utf-8").split())
        assert [each for each in words if each not in text] == [], page


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
