"""Embeddings that are kept: complete, shared, bounded, and never the cause of an error."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_sam.model import Features
from napari_sam.predict import Embedding, PlaneWindow, Predictor, Prompts
from napari_sam.predict.embedding import Level
from napari_sam.session import embeddings
from napari_sam.session.embedding_file import load, save
from napari_sam.session.embeddings import EmbeddingStore, embedding_store, memory_limit, worth_storing
from napari_sam.session.recent import Recent
from napari_sam.weights import load_model

IMAGE = np.kron(np.random.default_rng(0).integers(0, 2, (12, 15)), np.full((8, 8), 200)).astype(np.uint8)
CLICKS = [Prompts([(row, col)], [1]) for row in range(10, 90, 13) for col in range(10, 110, 17)]


@pytest.fixture(autouse=True)
def _everything_is_worth_storing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "worth_storing", lambda *_: True)


@pytest.fixture
def store(tmp_path: Path) -> EmbeddingStore:
    return EmbeddingStore(tmp_path / "cache")


@pytest.fixture(scope="module", params=["cell-tiny", "vit"])
def predictor(request: pytest.FixtureRequest, data_folder: Path) -> Predictor:
    vit = data_folder.parent / "parity" / "sam_small.safetensors"
    model = "cell-tiny" if request.param == "cell-tiny" else vit
    return Predictor(load_model(model, device="cpu", precision="float32"))


@pytest.fixture(scope="module")
def tiny() -> Predictor:
    return Predictor(load_model("cell-tiny", device="cpu", precision="float32"))


class Uncomputed(Predictor):
    """A predictor that only knows what it is given."""

    def encode(self, *_: object, **__: object) -> tuple[Level, ...]:
        raise AssertionError("computed, although it is stored")


def entries(store: EmbeddingStore) -> list[Path]:
    return sorted(store.folder.iterdir()) if store.folder.exists() else []


def same_answers(predictor: Predictor, one: Embedding, other: Embedding) -> bool:
    """Say whether the masks of many clicks agree in every pixel."""
    first, second = (predictor.predict_many(each, CLICKS) for each in (one, other))
    return all(np.array_equal(a.masks, b.masks) for a, b in zip(first, second, strict=True))


def test_an_embedding_from_disk_then_is_complete_and_gives_the_same_masks(
    store: EmbeddingStore, predictor: Predictor
) -> None:
    computed = predictor.embed(IMAGE)
    store.embed(predictor, IMAGE)
    stored = EmbeddingStore(store.folder).embed(Uncomputed(predictor.model), IMAGE)
    assert (stored.shape, stored.normalization, stored.scales) == (
        computed.shape, computed.normalization, computed.scales,
    )  # fmt: skip
    assert [level.extent for level in stored.levels] == [level.extent for level in computed.levels]
    assert same_answers(predictor, computed, stored)
    refined = replace(CLICKS[8], mask=predictor.predict(computed, CLICKS[8]).mask_prompt(0))
    again, expected = (predictor.predict(each, refined) for each in (stored, computed))
    assert np.array_equal(again.masks, expected.masks)


def test_bfloat16_features_then_come_back_bit_by_bit(tmp_path: Path) -> None:
    torch.manual_seed(0)
    features = Features(torch.randn(1, 4, 8, 6).bfloat16(), (torch.randn(1, 2, 16, 12).bfloat16(),))
    save(tmp_path / "entry", (Level(0.5, (60, 44), features),))
    (level,) = load(tmp_path / "entry")
    assert (level.scale, level.extent) == (0.5, (60, 44))
    assert level.features.embedding.dtype == torch.bfloat16
    assert torch.equal(level.features.embedding, features.embedding)
    assert torch.equal(level.features.skips[0], features.skips[0])


def test_other_pixels_normalization_channels_or_weights_then_are_other_entries(
    store: EmbeddingStore, tiny: Predictor
) -> None:
    two = np.stack([IMAGE, IMAGE[::-1]])
    other = Predictor(replace(tiny.model, weights_hash="other"))
    for count, embed in enumerate([
        lambda: store.embed(tiny, IMAGE),
        lambda: store.embed(tiny, np.where(IMAGE == 200, 201, IMAGE).astype(np.uint8), normalization=None),
        lambda: store.embed(tiny, IMAGE, normalization=None),
        lambda: store.embed(tiny, two, channel_axis=0),
        lambda: store.embed(tiny, two[::-1], channel_axis=0),
        lambda: store.embed(tiny, IMAGE, window=PlaneWindow((8, 16), (64, 64), (96, 120))),
        lambda: store.embed(other, IMAGE),
    ]):  # fmt: skip
        embed()
        assert len(entries(store)) == count + 1
        embed()
        assert len(entries(store)) == count + 1


def test_a_window_when_stored_then_serves_the_same_pixels_at_another_place(
    store: EmbeddingStore, tiny: Predictor
) -> None:
    tiled = np.tile(IMAGE, (2, 2))
    windows = [PlaneWindow(origin, (96, 120), tiled.shape) for origin in ((0, 0), (96, 120))]
    first = tiny.predict(store.embed(tiny, tiled, window=windows[0]), Prompts([(20, 30)], [1]))
    moved = store.embed(Uncomputed(tiny.model), tiled, window=windows[1])
    second = tiny.predict(moved, Prompts([(116, 150)], [1]))
    assert second.items[0].origin == tuple(np.add(first.items[0].origin, (96, 120)))
    assert np.array_equal(second.items[0].mask, first.items[0].mask)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_a_damaged_entry_then_is_never_an_error_nor_other_features(
    store: EmbeddingStore, tiny: Predictor, place: float, bit: int, cut: bool
) -> None:
    small = IMAGE[:32, :32]
    expected = store.embed(tiny, small)
    (path,) = entries(store)
    sound = path.read_bytes()
    damaged = bytearray(sound)
    damaged[int(place * len(sound))] ^= 1 << bit
    path.write_bytes(damaged[: int(place * len(sound))] if cut else damaged)
    found = store.embed(tiny, small)
    for one, other in zip(expected.levels, found.levels, strict=True):
        assert (one.scale, one.extent) == (other.scale, other.extent)
        assert torch.equal(one.features.embedding, other.features.embedding)
        assert all(map(torch.equal, one.features.skips, other.features.skips))
    path.write_bytes(sound)


def test_a_damaged_entry_then_is_replaced_by_a_sound_one(store: EmbeddingStore, tiny: Predictor) -> None:
    store.embed(tiny, IMAGE)
    (path,) = entries(store)
    path.write_bytes(b"not a zip file")
    store.embed(tiny, IMAGE)
    store.embed(Uncomputed(tiny.model), IMAGE)
    assert entries(store) == [path]


@pytest.mark.parametrize("error", [MemoryError(), PermissionError(13, "not yours")])
def test_an_entry_that_cannot_be_read_now_then_it_stays_for_others(
    store: EmbeddingStore, tiny: Predictor, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.embed(tiny, IMAGE)

    def refused(_: Path) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr("napari_sam.session.embeddings.load", refused)
        patched.setattr("napari_sam.session.embeddings.worth_storing", lambda *_: False)
        store.embed(tiny, IMAGE)
    store.embed(Uncomputed(tiny.model), IMAGE)


def test_an_entry_of_a_cache_that_cannot_be_written_to_then_is_read(
    store: EmbeddingStore, tiny: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.embed(tiny, IMAGE)

    def refused(*_: object) -> None:
        raise PermissionError(13, "read-only")

    monkeypatch.setattr("os.utime", refused)
    store.embed(Uncomputed(tiny.model), IMAGE)
    assert len(entries(store)) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_an_entry_then_has_the_mode_of_any_new_file(store: EmbeddingStore, tiny: Predictor) -> None:
    store.embed(tiny, IMAGE)
    (path,) = entries(store)
    other = store.folder / "other"
    other.touch()
    assert path.stat().st_mode == other.stat().st_mode


def test_a_full_store_then_loses_what_was_used_longest_ago(store: EmbeddingStore, tiny: Predictor) -> None:
    images = [np.roll(IMAGE, shift, axis=1) for shift in (0, 3, 5, 9)]
    made = []
    for age, image in enumerate(images[:3]):
        store.embed(tiny, image)
        (path,) = set(entries(store)) - set(made)
        made.append(path)
        os.utime(path, (1000 + age, 1000 + age))
    store.embed(Uncomputed(tiny.model), images[0])  # used again, so that the second one is the oldest
    size = made[0].stat().st_size
    killed = store.folder / ".another.new" / "another"  # while it was written
    killed.parent.mkdir()
    killed.write_bytes(bytes(size))
    os.utime(killed, (500, 500))
    EmbeddingStore(store.folder, int(3.2 * size)).embed(tiny, images[3])
    assert not made[1].exists()
    assert not killed.parent.exists()
    assert made[0].exists()
    assert made[2].exists()
    assert len(entries(store)) == 3


def test_a_store_without_room_or_rights_then_stores_nothing_and_says_nothing(
    tmp_path: Path, tiny: Predictor
) -> None:
    (tmp_path / "file").write_text("in the way")
    blocked = EmbeddingStore(tmp_path / "file" / "cache")
    nothing = EmbeddingStore(tmp_path / "cache", limit=0)
    for store in (blocked, nothing):
        assert same_answers(tiny, store.embed(tiny, IMAGE), tiny.embed(IMAGE))
    assert entries(nothing) == []


def test_an_entry_of_another_process_then_is_read(tmp_path: Path, tiny: Predictor) -> None:
    np.save(tmp_path / "image.npy", IMAGE)
    code = (
        "import numpy as np\n"
        "from napari_sam.predict import Predictor\n"
        "from napari_sam.session import embeddings\n"
        "from napari_sam.weights import load_model\n"
        "embeddings.worth_storing = lambda *_: True\n"
        "model = load_model('cell-tiny', device='cpu', precision='float32')\n"
        f"embeddings.embedding_store().embed(Predictor(model), np.load({str(tmp_path / 'image.npy')!r}))\n"
    )
    environment = {**os.environ, "NAPARI_SAM_CACHE": str(tmp_path), "NAPARI_SAM_CONFIG": str(tmp_path)}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=environment, check=True)
    stored = EmbeddingStore(tmp_path / "embeddings").embed(Uncomputed(tiny.model), IMAGE)
    assert same_answers(tiny, stored, tiny.embed(IMAGE))


def test_what_is_computed_faster_than_read_then_is_not_worth_storing() -> None:
    levels = (Level(1, (512, 512), Features(torch.zeros(1, 75, 1000, 1000).half())),)  # 150 MB
    assert not worth_storing(0.3, levels)
    assert worth_storing(0.7, levels)
    assert not worth_storing(0.02, ())


def test_the_folder_and_limits_then_are_the_persons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_SAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NAPARI_SAM_CONFIG", str(tmp_path))
    assert embedding_store().folder == tmp_path / "cache" / "embeddings"
    assert memory_limit() == 2 << 30
    (tmp_path / "embeddings.json").write_text('{"memory": 5000000, "disk": "much"}')
    assert memory_limit() == 5_000_000
    for unusable in ("[" * 100_000, '{"memory": Infinity}', '{"memory": NaN}'):
        (tmp_path / "embeddings.json").write_text(unusable)
        assert memory_limit() == 2 << 30


@dataclass
class Weight:
    nbytes: int


def test_memory_when_full_then_loses_what_was_used_longest_ago() -> None:
    recent: Recent[str, Weight] = Recent(100)
    for name in "abc":
        recent.put(name, Weight(30))
    recent.get("a")
    recent.put("d", Weight(30))
    assert recent.keys == ("d", "a", "c")
    recent.put("large", Weight(1000))
    assert recent.keys == ("large",)
    assert recent.get("a") is None
    recent.clear()
    assert len(recent) == 0
