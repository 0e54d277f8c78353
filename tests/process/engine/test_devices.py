import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from streaming.engine import devices
from streaming.engine.devices import choose_device, choose_precision, enter, sent, torch_threads

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


@pytest.fixture
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(devices, "_sees_a_gpu", lambda: False)


@pytest.fixture
def with_two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.fixture
def with_an_old_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise RuntimeError(
            "The NVIDIA driver on your system is too old (found version 11040). Please update it.\nMore."
        )

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(devices, "_sees_a_gpu", lambda: True)
    monkeypatch.setattr(torch.cuda, "init", refuse)


@pytest.mark.usefixtures("without_gpu")
def test_without_a_gpu_the_cpu_is_taken() -> None:
    assert choose_device("auto") == CPU
    assert choose_device("cpu") == CPU


@pytest.mark.usefixtures("without_gpu")
@pytest.mark.parametrize("name", ["cuda", "cuda:0"])
def test_a_gpu_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"model.device is {name}, but PyTorch finds no CUDA GPU."):
        choose_device(name)


@pytest.mark.usefixtures("with_an_old_driver")
@pytest.mark.parametrize("name", ["auto", "cuda", "cuda:0"])
def test_a_gpu_that_cannot_be_used_is_refused_with_the_reason(name: str) -> None:
    reason = (
        f"model.device is {name}, but the GPU cannot be used: The NVIDIA driver on your system is too old "
        "(found version 11040). Set model.device to cpu to speak without a GPU."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        choose_device(name)


@pytest.mark.usefixtures("with_an_old_driver")
def test_the_cpu_is_taken_where_it_is_asked_for() -> None:
    assert choose_device("cpu") == CPU


@pytest.mark.parametrize(
    ("names", "hidden", "seen"),
    [
        (["nvidia0", "nvidiactl", "nvidia-uvm"], None, True),
        (["nvidia0"], "0", True),
        (["nvidia0"], "", False),
        (["nvidia0"], "-1", False),
        (["nvidiactl", "nvidia-uvm"], None, False),
        ([], None, False),
    ],
)
def test_a_gpu_is_seen_unless_it_is_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], hidden: str | None, seen: bool
) -> None:
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if hidden is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert devices._sees_a_gpu(tmp_path) is seen


@pytest.mark.usefixtures("with_two_gpus")
def test_a_gpu_that_is_there_is_taken_with_its_number() -> None:
    assert choose_device("auto") == CUDA
    assert choose_device("cuda") == CUDA
    assert choose_device("cuda:1") == torch.device("cuda", 1)
    assert choose_device("cpu") == CPU


@pytest.mark.usefixtures("with_two_gpus")
def test_a_gpu_beyond_the_last_is_refused() -> None:
    with pytest.raises(ValueError, match="cuda:2, but this machine has only 2 GPUs"):
        choose_device("cuda:2")


@pytest.mark.parametrize(
    ("name", "device", "chosen"),
    [
        ("auto", CPU, "int8"),
        ("auto", CUDA, "fp16"),
        ("fp32", CPU, "fp32"),
        ("int8", CPU, "int8"),
        ("fp32", CUDA, "fp32"),
        ("bf16", CUDA, "bf16"),
    ],
)
def test_the_precision_is_what_the_device_is_good_at(name: str, device: torch.device, chosen: str) -> None:
    assert choose_precision(name, device) == chosen


@pytest.mark.parametrize(("name", "device"), [("int8", CUDA), ("fp16", CPU), ("bf16", CPU)])
def test_a_precision_that_the_device_is_no_good_at_is_refused(name: str, device: torch.device) -> None:
    with pytest.raises(ValueError, match=re.escape(f"model.precision {name} is for")):
        choose_precision(name, device)


def test_without_compiled_kernels_a_cpu_computes_in_fp32() -> None:
    assert choose_precision("auto", CPU, compiled_kernels=False) == "fp32"
    assert choose_precision("auto", CUDA, compiled_kernels=False) == "fp16"
    told = "model.precision int8 needs model.compiled_kernels, which is off; without them use fp32."
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        choose_precision("int8", CPU, compiled_kernels=False)


@pytest.fixture
def arithmetic() -> Iterator[None]:
    """As PyTorch begins, and given back afterwards."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    names = [(cudnn, "allow_tf32"), (cudnn, "deterministic"), (matmul, "allow_tf32")]
    names += [(matmul, f"allow_{kind}_reduced_precision_reduction") for kind in ("fp16", "bf16")]
    before = [getattr(module, name) for module, name in names]
    for module, name in names:
        setattr(module, name, name != "deterministic")
    yield
    for (module, name), value in zip(names, before, strict=True):
        setattr(module, name, value)


@pytest.mark.usefixtures("arithmetic")
def test_float32_is_float32_on_a_gpu_and_half_precision_is_summed_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    monkeypatch.setattr(torch, "ones", lambda size, device: torch.full((size,), 1.0))
    enter(CUDA)
    matmul = torch.backends.cuda.matmul
    assert not torch.backends.cudnn.allow_tf32
    assert not matmul.allow_tf32
    assert not matmul.allow_fp16_reduced_precision_reduction
    assert not matmul.allow_bf16_reduced_precision_reduction
    assert torch.backends.cudnn.deterministic


@pytest.mark.usefixtures("arithmetic")
def test_attention_is_not_planned_anew_for_each_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    monkeypatch.setattr(torch, "ones", lambda size, device: torch.full((size,), 1.0))
    before = torch.backends.cuda.cudnn_sdp_enabled()  # type: ignore[no-untyped-call]
    torch.backends.cuda.enable_cudnn_sdp(True)
    enter(CUDA)
    assert not torch.backends.cuda.cudnn_sdp_enabled()  # type: ignore[no-untyped-call]
    torch.backends.cuda.enable_cudnn_sdp(before)


@pytest.mark.usefixtures("arithmetic")
def test_a_gpu_that_cannot_compute_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(size: int, device: torch.device) -> None:
        raise torch.AcceleratorError(
            "CUDA error: no kernel image is available for execution on the device\nCompile it."
        )

    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    monkeypatch.setattr(torch, "ones", refuse)
    with pytest.raises(ValueError, match=r"cuda:0 cannot be used: CUDA error: no kernel image [a-z ]*\.$"):
        enter(CUDA)


def test_what_is_sent_is_what_it_was_then() -> None:
    assert sent(torch.tensor([1, 2]), CPU).tolist() == [1, 2]


def test_threads_are_pytorchs_again_after_an_error() -> None:
    before, within = torch.get_num_threads(), []
    with suppress(RuntimeError), torch_threads(before + 1):
        within.append(torch.get_num_threads())
        raise RuntimeError
    assert (within, torch.get_num_threads()) == ([before + 1], before)
