"""How Sphinx builds these pages: ``sphinx-build -W docs docs/_build``."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
os.environ.update(COLUMNS="86", NO_COLOR="1")  # for the commands' help: it fits the page, as plain text

project = "napari-sam-microscopy"
author = "the napari-sam-microscopy maintainers"
project_copyright = author
release = version = installed_version(project)

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "command_help"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "Segment Anything for microscopy"

myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_type_aliases = {"ArrayLike": "ArrayLike"}
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True}
python_display_short_types = True
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Signals", "params_style"), ("Attributes", "params_style")]

nitpicky = True
# names of Python and of other packages: their inventories would have to be downloaded
nitpick_ignore_regex = [("py:.*", r"(?!napari_sam\.).*")]
# what only this package makes and takes
nitpick_ignore = [
    ("py:class", "napari_sam.model.features.PreparedImage"),
    ("py:class", "napari_sam.predict.candidates.Decoded"),
    ("py:class", "napari_sam.predict.embedding.Level"),
    ("py:class", "napari_sam.predict.fine.FineLevel"),
]
