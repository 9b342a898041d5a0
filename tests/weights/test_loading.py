import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from napari_sam.errors import OutOfMemoryError, WeightsError
from napari_sam.model import Sam
from napari_sam.weights import choose_device, choose_dtype, load_model, memory_errors, save_checkpoint


def test_load_model_when_given_a_file_then_ready_and_known_by_its_hash(tiny_file: Path, tiny: Sam) -> None:
    model = load_model(tiny_file, "cpu", precision="float32")
    assert model.name == "mine"
    assert model.weights_hash == hashlib.sha256(tiny_file.read_bytes()).hexdigest()
    assert not model.sam.training
    assert not any(p.requires_grad for p in model.sam.parameters())
    image = torch.rand(1, 3, 64, 64) * 255
    with torch.inference_mode():
        expected = tiny.encode_image(tiny.normalize(image)).embedding
        assert torch.allclose(
            model.sam.encode_image(model.sam.normalize(image)).embedding, expected, atol=1e-5
        )


def test_load_model_when_training_made_it_then_is_called_by_its_run_unless_a_person_renamed_it(
    tmp_path: Path, tiny: Sam
) -> None:
    names = ["model", "model-worse", "nuclei"]
    files = [tmp_path / f"{name}.safetensors" for name in names]
    for file in files:
        save_checkpoint(file, tiny, {"name": "round 2"})
    assert [load_model(file, "cpu").name for file in files] == ["round 2", "round 2", "nuclei"]


def test_load_model_when_the_name_is_unknown_then_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="choose one of cell-tiny, vit_t, vit_b"):
        load_model("vit_x")
    with pytest.raises(WeightsError, match="There is no model or file ''; choose one of"):
        load_model("")
    with pytest.raises(WeightsError, match=r"is a folder; give a file in it, such as .*model\.safetensors"):
        load_model(tmp_path)
    with pytest.raises(WeightsError, match="There is no file"):
        load_model(tmp_path / "none.pth")
    with pytest.raises(WeightsError, match="None is no model; give a name"):
        load_model(None)  # type: ignore[arg-type]


def test_choose_device_when_absent_or_nonsense_then_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_device("cpu") == torch.device("cpu")
    with pytest.raises(WeightsError, match="no device 'cuda:7'"):
        choose_device("cuda:7")
    with pytest.raises(WeightsError, match="is no device"):
        choose_device("toaster")
    with pytest.raises(WeightsError, match="None is no device"):
        choose_device(None)  # type: ignore[arg-type]
    monkeypatch.setenv("NAPARI_SAM_DEVICE", "cpu")
    assert choose_device("auto") == torch.device("cpu")
    monkeypatch.setenv("NAPARI_SAM_DEVICE", "cuda:99")
    with pytest.raises(WeightsError, match="cuda:99"):
        choose_device("auto")


def test_choose_dtype_when_overridden_then_obeyed() -> None:
    cpu = torch.device("cpu")
    assert choose_dtype(cpu, "bfloat16") == torch.bfloat16
    assert choose_dtype(cpu, "float32") == torch.float32
    assert choose_dtype(cpu) in (torch.float32, torch.bfloat16)
    with pytest.raises(WeightsError, match="precision 'half' is unknown"):
        choose_dtype(cpu, "half")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cpu", "amx", "expected"),
    [
        ({"cpu_name": "AMD EPYC 9R14", "avx512_bf16": True}, False, torch.bfloat16),
        ({"cpu_name": "AMD EPYC 7R32", "avx512_bf16": False}, False, torch.float32),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True}, False, torch.float32),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True}, True, torch.bfloat16),
        ({"architecture": "arm64", "bf16": True}, False, torch.float32),
    ],
)
def test_choose_dtype_when_a_cpu_is_quicker_in_bfloat16_then_takes_it(
    cpu: dict[str, object], amx: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: cpu, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    assert choose_dtype(torch.device("cpu")) == expected
    assert choose_dtype(torch.device("meta")) == torch.float32


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("Invalid buffer size: 8.21 GB"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "),
        RuntimeError("worker is killed by signal: Bus error. Workers are out of shared memory."),
        RuntimeError("_ArrayMemoryError: Unable to allocate 7.11 PiB for an array with shape (9,)"),
        MemoryError(),
    ],
)
def test_memory_errors_when_memory_runs_out_then_one_sentence(error: Exception) -> None:
    with (
        pytest.raises(OutOfMemoryError, match="ran out of memory with cell-tiny"),
        memory_errors(torch.device("cpu"), "cell-tiny"),
    ):
        raise error


def test_memory_errors_when_it_is_the_computers_memory_then_no_other_device_is_named() -> None:
    with pytest.raises(OutOfMemoryError, match="The device cpu"), memory_errors(torch.device("cuda"), "a"):
        raise MemoryError
    with pytest.raises(OutOfMemoryError, match="The device cuda"), memory_errors(torch.device("cuda"), "a"):
        raise torch.OutOfMemoryError("CUDA out of memory")


def test_memory_errors_when_something_else_is_wrong_then_it_passes() -> None:
    with pytest.raises(RuntimeError, match="shapes"), memory_errors(torch.device("cpu"), "cell-tiny"):
        raise RuntimeError("shapes differ")


def test_a_model_when_loaded_then_nothing_is_imported_for_weights_that_are_replaced() -> None:
    script = (
        "import sys, napari_sam; napari_sam.load_model('cell-tiny', device='cpu');"
        " sys.exit(bool({'sympy', 'torch._dynamo'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
