"""The floors of the house: what may import what, and what the manifest promises."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_sam

PACKAGE = "napari-sam-microscopy"
WIDGETS = Path(napari_sam.__file__).parent / "widgets"

IMPORT_ALL_BELOW_WIDGETS = """
import importlib, importlib.abc, pkgutil, sys

class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"qtpy", "napari", "magicgui", "superqt", "PyQt6", "PySide6"}:
            raise ImportError(f"{name} is imported below the widgets")

sys.meta_path.insert(0, Block())
import napari_sam
seen = []
for module in pkgutil.walk_packages(napari_sam.__path__, "napari_sam."):
    if not module.name.startswith("napari_sam.widgets"):
        importlib.import_module(module.name)
        seen.append(module.name)
print(*seen)
"""


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_everything_below_widgets_when_qt_and_napari_are_blocked_then_imports() -> None:
    done = run_python(IMPORT_ALL_BELOW_WIDGETS)
    assert done.returncode == 0, done.stderr
    floors = {name.split(".")[1] for name in done.stdout.split()}
    assert {"cli", "session", "predict", "weights", "model", "training"} <= floors


# floor -> the floors of this package that it may import
FLOORS = {
    "model": {"model", "errors"},
    "files": {"files", "errors"},
    "weights": {"weights", "model", "files", "errors", "progress"},
    "predict": {"predict", "weights", "model", "files", "masks", "errors", "progress"},
    "automatic": {
        *("automatic", "predict", "weights", "model", "files", "masks"),
        *("channel_choice", "lazily", "tiles", "wording", "errors", "progress"),
    },
    "session": {
        *("session", "automatic", "predict", "weights", "model", "files", "masks"),
        *("settings", "wording", "errors", "progress"),
    },
}


# of the widgets, from the first room to the last; what lies in none is above them
ROOMS = (
    *("keys", "background", "controls", "layers", "prompts", "forms"),
    *("opening", "annotating", "objects", "proposals", "stack", "batch"),
)


def imports_of(module: Path) -> Iterator[str]:
    """Yield the room of each module of the widgets that one of them names in its imports."""
    inside = module.relative_to(WIDGETS).parts[:-1]
    for node in ast.walk(ast.parse(module.read_text(encoding="utf8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield [*inside[: len(inside) + 1 - node.level], *(node.module or "").split(".")][0]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_of_the_widgets_when_it_imports_then_only_from_itself_and_rooms_before_it(room: str) -> None:
    before = ROOMS[: ROOMS.index(room) + 1]
    modules = sorted((WIDGETS / room).glob("*.py"))
    named = {(module.name, name) for module in modules for name in imports_of(module)}
    above = {pair for pair in named if pair[1] not in before}
    assert len(modules) > 2
    # a batch opens the annotator, which both docks are made ready for
    assert above <= {("batch.py", "getting_ready"), ("opening.py", "annotator")}


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_when_imported_alone_then_loads_nothing_above_it(floor: str) -> None:
    done = run_python(
        f"import sys, pkgutil, napari_sam.{floor} as floor\n"
        "for each in pkgutil.walk_packages(floor.__path__, floor.__name__ + '.'):\n"
        "    __import__(each.name)\n"
        "print(*{name.split('.')[1] for name in sys.modules if name.startswith('napari_sam.')})"
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) - {"lazily"} <= FLOORS[floor]  # which the package itself stands on


def test_the_package_when_imported_then_loads_neither_torch_nor_numpy_nor_napari() -> None:
    done = run_python(
        "import sys, napari_sam\nprint(*{'torch', 'numpy', 'napari', 'qtpy', 'scipy'} & set(sys.modules))"
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_the_dock_when_imported_then_loads_no_torch_and_when_ready_start_has_nothing_left_to_import() -> None:
    done = run_python(
        "import sys, napari_sam.widgets.annotator\n"
        "from napari_sam.widgets.getting_ready import known_models\n"
        "print('torch' in sys.modules)\n"
        "known_models(None)\n"
        "print(*{'torch', 'pandas', *(f'napari_sam.widgets.{name}' for name in"
        " ('annotating.annotation', 'annotating.fitting', 'layers.mixed', 'objects.objects',"
        " 'proposals.reviewing', 'stack.stack'))} - set(sys.modules))"
    )
    assert (done.returncode, done.stdout.split()) == (0, ["False"]), done.stderr


def test_the_command_line_when_it_shows_help_or_lists_models_then_loads_neither_torch_nor_numpy() -> None:
    done = run_python(
        "import sys\nfrom napari_sam.cli import main\n"
        "main(['models', 'list'])\n"
        "try:\n    main(['segment', '--help'])\n"
        "except SystemExit:\n    print({'torch', 'numpy', 'PIL'} & set(sys.modules))"
    )
    assert done.stdout.splitlines()[-1] == "set()", done.stderr


@pytest.mark.parametrize("name", [name for name in napari_sam.__all__ if name != "__version__"])
def test_a_public_name_when_asked_for_then_is_what_its_module_defines(name: str) -> None:
    value = getattr(napari_sam, name)
    assert value.__name__ == name
    assert value.__doc__


def test_an_unknown_name_when_asked_for_then_raises_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'segment_everything'"):
        napari_sam.segment_everything  # noqa: B018


def test_every_manifest_command_when_resolved_then_is_callable() -> None:
    manifest = PluginManifest.from_distribution(PACKAGE)
    commands = manifest.contributions.commands or []
    assert len(commands) >= 3
    for command in commands:
        assert command.python_name is not None
        module, _, attribute = command.python_name.partition(":")
        assert callable(getattr(import_module(module), attribute)), command.id


def test_every_manifest_contribution_when_it_names_a_command_then_that_command_exists() -> None:
    contributions = PluginManifest.from_distribution(PACKAGE).contributions
    known = {command.id for command in contributions.commands or []}
    named = [widget.command for widget in contributions.widgets or []]
    named += [sample.command for sample in contributions.sample_data or []]
    named += [item.command for items in (contributions.menus or {}).values() for item in items]
    assert len(named) >= 4
    assert set(named) <= known
