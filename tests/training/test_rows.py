from __future__ import annotations

from pathlib import Path

from napari_sam.training.rows import append_row, drop_rows


def test_append_row_when_a_run_is_long_then_its_steps_stay_whole_numbers(tmp_path: Path) -> None:
    for step in (9999, 10_010):
        append_row(tmp_path / "curve.csv", {"step": step, "dense": 0.123456, "seconds": 1.0, "left": 0.5})
    assert (tmp_path / "curve.csv").read_text().splitlines() == [
        "step,dense,first,corrected,seconds", "9999,0.1235,,,1", "10010,0.1235,,,1",
    ]  # fmt: skip


def test_drop_rows_when_the_last_one_is_cut_off_then_it_goes_with_the_later_ones(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    for step in (0, 10, 20):
        append_row(path, {"step": step, "dense": 0.5})
    path.write_text(path.read_text() + "3")
    drop_rows(path, 20)
    assert path.read_text().splitlines()[1:] == ["0,0.5,,,", "10,0.5,,,"]
    drop_rows(path, 0)
    drop_rows(path, 0)
    assert not path.exists()
