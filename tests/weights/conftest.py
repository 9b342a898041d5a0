from pathlib import Path

import pytest
import torch

from napari_sam.model import CELL_TINY, Sam
from napari_sam.weights import save_checkpoint


@pytest.fixture(scope="session")
def tiny() -> Sam:
    torch.manual_seed(0)
    return Sam(CELL_TINY).eval()


@pytest.fixture
def tiny_file(tiny: Sam, tmp_path: Path) -> Path:
    path = tmp_path / "mine.safetensors"
    save_checkpoint(path, tiny, {"steps": "3"}, dtype=torch.float32)
    return path
