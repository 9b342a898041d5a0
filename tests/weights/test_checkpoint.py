import errno
import json
import math
import os
import pickle
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from napari_sam.errors import WeightsError
from napari_sam.model import (
    CELL_TINY,
    CONFIGS,
    VIT_B,
    DecoderConfig,
    Sam,
    SamConfig,
    TinyViTConfig,
    ViTConfig,
)
from napari_sam.predict import Predictor, Prompts
from napari_sam.weights import load_model, read_checkpoint, read_metadata, save_checkpoint
from napari_sam.weights.building import build
from napari_sam.weights.recognising import recognise

PARITY = Path(__file__).parent.parent / "parity"


class Code:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("echo this must never run",)


def public_state(name: str) -> dict[str, torch.Tensor]:
    keys = json.loads((PARITY / f"sam_{name}_keys.json").read_text())
    return {key: torch.empty(shape, device="meta") for key, shape in keys.items()}


@pytest.mark.parametrize("name", ["vit_t", "vit_b", "vit_l", "vit_h"])
def test_recognise_when_the_keys_are_of_a_public_file_then_the_config_is_the_published_one(name: str) -> None:
    assert recognise(public_state(name)) == CONFIGS[name]


def test_read_when_the_file_is_the_parity_sam_then_recognised_and_built() -> None:
    checkpoint = read_checkpoint(PARITY / "sam_small.safetensors")
    assert checkpoint.config.encoder == ViTConfig(4, 48, 4, (1, 3), window=7)
    assert checkpoint.config.image_size == 256
    sam = build(checkpoint, "small")
    assert not any(tensor.is_meta for tensor in [*sam.parameters(), *sam.buffers()])
    assert sam.pixel_mean.flatten()[0] == pytest.approx(123.675)


@settings(max_examples=8, deadline=None)
@given(
    depth=st.integers(1, 3), heads=st.integers(1, 3), window=st.integers(2, 3), grid=st.integers(4, 6),
    patch=st.sampled_from([8, 16]), layers=st.integers(1, 2), data=st.data(),
)  # fmt: skip
def test_recognise_when_any_vit_is_given_then_its_config_comes_back(
    depth: int, heads: int, window: int, grid: int, patch: int, layers: int, data: st.DataObject
) -> None:
    blocks = data.draw(st.sets(st.integers(0, depth - 1), max_size=depth - 1))
    encoder = ViTConfig(depth, 8 * heads, heads, tuple(sorted(blocks)), window, patch)
    decoder = DecoderConfig(depth=layers, mlp=32, upscale_channels=(16, 8), iou_hidden=24)
    config = SamConfig("vit", encoder, decoder, image_size=grid * patch, width=32, mask_channels=8)
    with torch.device("meta"):
        state = Sam(config).state_dict()
    assert recognise(state) == config


def test_recognise_when_any_tiny_vit_is_given_then_its_config_comes_back() -> None:
    config = SamConfig("vit", TinyViTConfig((8, 16, 24, 32), (1, 2, 3, 1), (2, 3, 4), (7, 5, 3)))
    with torch.device("meta"):
        state = Sam(config).state_dict()
    assert recognise(state) == config


def test_load_when_a_file_has_mobile_sams_keys_then_it_answers_prompts(tmp_path: Path) -> None:
    weights = {k: torch.rand(v.shape).sub(0.5) * 0.1 for k, v in public_state("vit_t").items()}
    counted = {k: torch.tensor(7) for k in weights if k.endswith("num_batches_tracked")}
    varied = {k: v.abs() + 1 for k, v in weights.items() if k.endswith("running_var")}
    torch.save(weights | counted | varied, tmp_path / "mobile_sam.pt")
    model = load_model(tmp_path / "mobile_sam.pt", "cpu", precision="float32")
    assert (model.sam.config.encoder, model.sam.config.image_size) == (TinyViTConfig(), 1024)
    predictor = Predictor(model)
    embedding = predictor.embed(np.arange(40 * 60, dtype=np.uint16).reshape(40, 60))
    candidates = predictor.predict(embedding, Prompts(points=[(20, 30)], point_labels=[1]))
    assert len(candidates) == 3
    assert all(np.isfinite(each.iou_prediction) for each in candidates.items)


def test_read_when_a_conv_file_has_no_metadata_then_recognised_by_shapes(tiny: Sam, tmp_path: Path) -> None:
    path = tmp_path / "plain.safetensors"
    save_file({k: v.contiguous() for k, v in tiny.state_dict().items()}, path)
    assert read_checkpoint(path).config == CELL_TINY


def test_save_when_read_back_then_the_same_weights_in_half_precision(tiny: Sam, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, tiny, {"steps": "3"})
    (tmp_path / "b").touch()
    assert path.stat().st_mode == (tmp_path / "b").stat().st_mode  # others may read it as any file
    checkpoint = read_checkpoint(path)
    assert checkpoint.metadata["steps"] == "3"
    assert checkpoint.config == CELL_TINY
    assert path.stat().st_size < 16e6
    built = build(checkpoint, "a").state_dict()
    for key, value in tiny.state_dict().items():
        half = value.half().float() if value.is_floating_point() else value
        assert torch.equal(built[key], half), key


def test_save_when_the_same_is_written_again_then_the_bytes_are_the_same(tiny: Sam, tmp_path: Path) -> None:
    words = {"name": 'é "µ"\t\x7f\x1f', **{f"data.{number}": str(number) for number in range(8)}}
    written = []
    for order in (1, -1, 1, -1):
        save_checkpoint(tmp_path / "a.safetensors", tiny, dict(list(words.items())[::order]))
        written.append((tmp_path / "a.safetensors").read_bytes())
    assert len(set(written)) == 1
    assert read_checkpoint(tmp_path / "a.safetensors").metadata.items() >= words.items()


@pytest.mark.skipif(sys.platform != "linux", reason="has names of any bytes")
def test_save_when_a_name_is_not_utf_8_then_its_bytes_are_written_out(tiny: Sam, tmp_path: Path) -> None:
    path = tmp_path / "m\udcfcller.safetensors"
    save_checkpoint(path, tiny, {"name": path.stem + " \u00fc"})
    with pytest.raises(WeightsError, match="not UTF-8; rename it"):
        read_checkpoint(path)
    path = path.rename(tmp_path / "a.safetensors")
    assert read_checkpoint(path).metadata["name"] == "m\\udcfcller \u00fc"


def test_read_when_the_file_is_then_written_over_then_the_weights_stay(tiny: Sam, tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, tiny, dtype=torch.float32)
    state = read_checkpoint(path).state
    with path.open("r+b") as file:  # as copying another file over it does
        file.write(bytes(path.stat().st_size))
    for name, value in tiny.state_dict().items():
        if name in state:
            assert torch.equal(state[name], value.cpu())


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("prefix", ["", "sam.", "module.sam.", "module._orig_mod.", "net.model."])
def test_read_when_wrapped_as_other_programs_do_then_the_same_weights(
    tiny: Sam, tmp_path: Path, prefix: str, wrapped: bool
) -> None:
    state: dict[str, object] = {f"{prefix}{key}": value for key, value in tiny.state_dict().items()}
    if wrapped:
        state = {"model_state": state, "epoch": 3, "decoder_state": {"x": torch.zeros(2)}}
    path = tmp_path / "model.pt"
    torch.save(state, path)
    assert read_checkpoint(path).state.keys() == tiny.state_dict().keys()


def test_read_when_a_pickle_holds_code_then_it_is_refused_and_not_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.pth"
    torch.save({"image_encoder.x": Code()}, path)
    with pytest.raises(WeightsError, match="could run code"):
        read_checkpoint(path)
    torch.save({"image_encoder.x": torch.zeros(3)}, path)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("bad/constants.pkl", "")  # by which torch tells TorchScript
    with pytest.raises(WeightsError, match="could run code"):
        read_checkpoint(path)
    for protocol, answer in ((2, "could run code"), (4, "by protocol 4 or 5"), (5, "by protocol 4 or 5")):
        path.write_bytes(pickle.dumps(Code(), protocol))
        with pytest.raises(WeightsError, match=answer):
            read_checkpoint(path)
    assert "never" not in capfd.readouterr().out


@pytest.mark.parametrize("zipped", [True, False])
def test_read_when_pickled_by_another_protocol_then_read_or_told_which_it_is(
    tmp_path: Path, *, zipped: bool
) -> None:
    path = tmp_path / "model.pth"
    state = {"image_encoder.pos_embed": torch.zeros(1, 4, 4, 8)}
    for protocol, answer in ((3, "architecture is not known"), (4, "by protocol 4 or 5"), (5, "default")):
        torch.save(state, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
        with pytest.raises(WeightsError, match=answer):
            read_checkpoint(path)


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_read_when_cut_short_then_says_so(tiny: Sam, tmp_path: Path, kind: str, share: float) -> None:
    path = tmp_path / f"cut.{kind}"
    if kind == "pth":
        torch.save(tiny.state_dict(), path)
    else:
        save_checkpoint(path, tiny)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(WeightsError, match=r"damaged|no checkpoint"):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [b"<html>Please log in</html>", b'{"error": 404}', b"hello", bytes(999)])
def test_read_when_the_file_is_something_else_then_it_is_not_accused_of_code(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "page.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"no checkpoint|damaged"):
        read_checkpoint(path)


@settings(max_examples=30, deadline=None)
@given(share=st.floats(0, 1), garbage=st.binary(min_size=1, max_size=40), legacy=st.booleans())
def test_read_when_bytes_are_damaged_then_read_or_refused_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, share: float, garbage: bytes, legacy: bool
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "model.pth"
    state = {"image_encoder.pos_embed": torch.zeros(1, 4, 4, 8)}
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    whole = path.read_bytes()
    at = int(share * len(whole))
    path.write_bytes(whole[:at] + garbage + whole[at + len(garbage) :])
    with pytest.raises(WeightsError):  # at its best it has a position table only
        read_checkpoint(path)


@pytest.mark.parametrize(
    "text", ["{", "null", "[]", "{}", '{"encoder": {"patch": 16}}', '{"encoder": [1], "decoder": {}}']
)
def test_read_when_the_description_is_odd_then_says_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "newer.safetensors"
    save_file({"image_encoder.x": torch.zeros(1)}, path, {"napari_sam.config": text})
    with pytest.raises(WeightsError, match="description of the architecture in newer"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "change",
    [
        {"mask_channels": "many"},
        {"rating": []},
        {"width": -1},
        {"encoder": {**CELL_TINY.to_dict()["encoder"], "depths": [1, 2]}},
        {"encoder": {**CELL_TINY.to_dict()["encoder"], "depths": [1, 2, 3, 4, 10**9]}},
        {"encoder": {**VIT_B.to_dict()["encoder"], "depth": 10**9}},
        {"decoder": {**CELL_TINY.to_dict()["decoder"], "depth": 10**9}},
    ],
)
def test_build_when_the_description_is_of_no_network_then_says_so(
    tiny_file: Path, change: dict[str, object]
) -> None:
    checkpoint = read_checkpoint(tiny_file)
    described = SamConfig.from_dict(checkpoint.config.to_dict() | change)
    with pytest.raises(WeightsError, match="description of the architecture in mine"):
        build(replace(checkpoint, config=described), "mine")


def test_read_when_the_folder_may_not_be_read_then_says_so(
    tiny_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(path: Path, **_: object) -> None:  # the tests may run as root, who may all
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", forbidden)
    for read in (read_checkpoint, read_metadata, load_model):
        with pytest.raises(WeightsError, match=r"^You may not read .*, or its folder's, or choose another"):
            read(tiny_file)


def test_read_when_missing_or_no_sam_then_says_so(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="There is no file"):
        read_checkpoint(tmp_path / "none.pth")
    with pytest.raises(WeightsError, match="There is no file"):
        read_metadata(str(tmp_path / "none.pth"))
    save_file({"vision_encoder.x": torch.zeros(3)}, tmp_path / "other.safetensors")  # as transformers call it
    with pytest.raises(WeightsError, match=r"no Segment Anything weights by Meta's names.* Meta's layout\.$"):
        read_checkpoint(tmp_path / "other.safetensors")
    save_file({"image_encoder.odd": torch.zeros(3)}, tmp_path / "odd.safetensors")
    with pytest.raises(WeightsError, match=r"architecture is not known here \(it has no image_encoder"):
        read_checkpoint(tmp_path / "odd.safetensors")
    torch.save({"state": {0: torch.zeros(3)}, 1: torch.zeros(3)}, tmp_path / "optimizer.pth")
    with pytest.raises(WeightsError, match="no Segment Anything weights"):
        read_checkpoint(tmp_path / "optimizer.pth")
    save_file({"image_encoder.pos_embed": torch.zeros(3)}, tmp_path / "flat.safetensors")
    with pytest.raises(WeightsError, match="its shapes are unusual"):
        read_checkpoint(tmp_path / "flat.safetensors")
    state = {"image_encoder.pos_embed": torch.zeros(1, 4, 4, 8)}
    state |= {"image_encoder.blocks.0.attn.rel_pos_h": torch.tensor(1.0)}
    state |= {"image_encoder.patch_embed.proj.weight": torch.zeros(8, 3, 16, 16)}
    save_file(state, tmp_path / "scalar.safetensors")
    with pytest.raises(WeightsError, match="its shapes are unusual"):
        read_checkpoint(tmp_path / "scalar.safetensors")


def test_build_when_keys_or_shapes_differ_then_names_them(tiny_file: Path) -> None:
    checkpoint = read_checkpoint(tiny_file)
    state = checkpoint.state
    state["extra.weight"] = torch.zeros(1)
    del state["mask_decoder.iou_token.weight"]
    state["mask_decoder.mask_tokens.weight"] = torch.zeros(5, 128)
    state["prompt_encoder.no_mask_embed.weight"] = torch.zeros(1, 128, dtype=torch.int32)
    kept = state["mask_decoder.iou_prediction_head.layers.0.weight"]
    state["mask_decoder.iou_prediction_head.layers.0.weight"] = kept.to_sparse()
    state["mask_decoder.iou_prediction_head.layers.1.weight"] = kept.to("meta")
    with pytest.raises(WeightsError) as caught:
        build(checkpoint, "mine")
    text = str(caught.value)
    assert "1 unknown (such as extra.weight)" in text
    assert "1 missing (such as mask_decoder.iou_token.weight)" in text
    assert "4 of another shape or kind (such as mask_decoder.iou_prediction_head.layers.0.weight" in text


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_build_when_a_weight_is_not_finite_then_names_the_file_and_the_first_one(
    tiny_file: Path, value: float
) -> None:
    checkpoint = read_checkpoint(tiny_file)
    first, second = "image_encoder.stages.0.0.0.weight", "mask_decoder.mask_tokens.weight"
    for key in (second, first):
        checkpoint.state[key].view(-1)[-1] = value
    with pytest.raises(WeightsError, match=rf"mine.pth holds .* not finite .* {first} first"):
        build(checkpoint, "mine.pth")


def test_build_when_weights_are_huge_and_finite_then_they_are_taken(tiny_file: Path) -> None:
    checkpoint = read_checkpoint(tiny_file)
    huge = checkpoint.state["mask_decoder.mask_tokens.weight"].fill_(3e38)
    assert torch.equal(build(checkpoint, "mine").mask_decoder.mask_tokens.weight, huge)


def test_save_when_the_folder_cannot_be_made_then_the_old_file_stays(tiny: Sam, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(WeightsError, match="could not be written"):
        save_checkpoint(tmp_path / "file" / "a.safetensors", tiny)
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
def test_save_when_there_is_no_room_then_the_old_file_stays_alone(tiny: Sam, tmp_path: Path) -> None:
    import resource

    path = tmp_path / "a.safetensors"
    path.write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(WeightsError, match="could not be written"):
            save_checkpoint(path, tiny)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a.safetensors": b"old"}
