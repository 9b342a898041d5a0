"""What every test needs before it imports anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# napari would write its settings into the home folder, and threads would fight over the cores.
os.environ["NAPARI_CONFIG"] = ""
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of the test images."""
    return Path(__file__).parent / "data"
