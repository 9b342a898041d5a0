from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from .windows_rules import OPENED

pytestmark = pytest.mark.skipif(not OPENED.exists(), reason="this system does not tell which files are open")


def test_a_file_in_use_when_replaced_or_removed_then_refused_until_it_is_let_go(tmp_path: Path) -> None:
    path, new = tmp_path / "folder" / "a.npy", tmp_path / "new.npy"
    path.parent.mkdir()
    for each in (path, new):
        np.save(each, np.arange(5))
    with path.open("rb"):
        mapped = np.load(path, mmap_mode="r")
        for refused in (path.unlink, lambda: new.replace(path), lambda: path.parent.rename(tmp_path / "b")):
            with pytest.raises(PermissionError):
                refused()
    with pytest.raises(PermissionError):
        path.unlink()  # it is mapped
    assert mapped[4] == 4
    del mapped
    new.replace(path)


@pytest.mark.parametrize("name", ["a:b", "what?", "con.txt", "dots.."])
def test_a_name_that_windows_does_not_have_then_refused(tmp_path: Path, name: str) -> None:
    for make in ((tmp_path / name).touch, (tmp_path / name).mkdir, lambda: (tmp_path / name).write_text("")):
        with pytest.raises(OSError, match="Windows has no such names"):
            make()
