"""Where the engine computes: on which device, in which precision, and for how many utterances at once."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from streaming.engine.gpt.weights import GptWeights

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
SLOTS_ON_A_CPU = 2
MOST_AUTOMATIC_SLOTS = 256
# Of a GPU's free memory, for weights and slots together; the rest is left to others and to what is not foreseen.
_SHARE_OF_MEMORY = 0.85
# For the vocoder's signals and the steps' own: 32 windows of 2.7 s in half precision take 1 GB, found by adding up.
_WORKSPACE_BYTES = 2 * 2**30


def choose_device(name: str) -> torch.device:
    """`auto` (a GPU if there is one), `cpu`, `cuda` (the first GPU) or `cuda:N`.

    Raises ValueError for a GPU that is not there or cannot be used. `auto` does so too: a machine with a GPU whose driver is
    too old would speak a hundred times slower, and nobody would know why.
    """
    if name == "cpu":
        return torch.device("cpu")
    if not _cuda_is_available():
        if name == "auto" and not _sees_a_gpu():
            return torch.device("cpu")
        raise ValueError(f"model.device is {name}, but {_why_not()}. Set model.device to cpu to speak without a GPU.")
    device = torch.device("cuda:0" if name == "auto" else name)
    device = torch.device("cuda", device.index or 0)
    if device.index >= torch.cuda.device_count():
        raise ValueError(f"model.device is {name}, but this machine has only {torch.cuda.device_count()} GPUs.")
    return device


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """So many threads for PyTorch's operations that this thread begins."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _cuda_is_available() -> bool:
    with warnings.catch_warnings(action="ignore"):  # what is wrong is said by `_why_not`
        return torch.cuda.is_available()


def _sees_a_gpu(folder: Path = Path("/dev")) -> bool:
    """Whether this machine, or container, has an NVIDIA GPU that is not hidden from programs on purpose."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0") in ("", "-1"):
        return False
    return any(path.name.removeprefix("nvidia").isdecimal() for path in folder.glob("nvidia*"))


def _why_not() -> str:
    if not _sees_a_gpu():
        return "PyTorch finds no CUDA GPU"
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:
        return f"the GPU cannot be used: {_first_sentence(error)}"
    return "PyTorch cannot use the GPU"


def _first_sentence(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0].partition(". ")[0].rstrip(".") or type(error).__name__


def choose_precision(name: str, device: torch.device, *, compiled_kernels: bool = True) -> str:
    """auto: fp16 on a GPU, int8 on a CPU, but fp32 there without `compiled_kernels`. Raises ValueError for a precision that
    the device is no good at."""
    if name == "auto":
        return "fp16" if device.type == "cuda" else "int8" if compiled_kernels else "fp32"
    if device.type == "cuda" and name == "int8":
        raise ValueError("model.precision int8 is for CPUs; on a GPU use fp16, bf16 or fp32.")
    if device.type == "cpu" and name in ("fp16", "bf16"):
        raise ValueError(f"model.precision {name} is for GPUs; on a CPU use int8 or fp32.")
    if name == "int8" and not compiled_kernels:
        raise ValueError("model.precision int8 needs model.compiled_kernels, which is off; without them use fp32.")
    return name


def vocoder_dtype(precision: str) -> torch.dtype:
    """bf16 has too few digits for sound: 38 dB from float32, where fp16 has 56. So with bf16, too, the vocoder has fp16."""
    return torch.float16 if precision in ("fp16", "bf16") else torch.float32


def enter(device: torch.device) -> None:
    """Have this thread compute on `device`, and in full precision where float32 is asked for.

    CUDA has a current device per thread: streams and graphs that do not name one are made on it, whatever device their
    tensors have. Raises ValueError for a GPU that cannot compute.
    """
    if device.type != "cuda":
        return
    # Convolutions would drop 13 of float32's 23 bits otherwise, and sums of half precision would be kept in it.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    torch.backends.cudnn.deterministic = True
    # PyTorch prefers cuDNN's attention on the newest GPUs. It plans anew for every length of a text (23 to 37 ms, by the
    # reports of others), while everybody waits.
    torch.backends.cuda.enable_cudnn_sdp(False)
    try:
        torch.cuda.set_device(device)
        torch.ones(1, device=device).add_(1.0).item()
    except RuntimeError as error:  # no code for this GPU in PyTorch, or somebody else has it for himself
        raise ValueError(f"The GPU {device} cannot be used: {_first_sentence(error)}.") from error


def sent(values: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU, as it is now, on `device`. Does not wait for what a GPU has still to do, as `to` would."""
    if device.type != "cuda":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


def latent_bytes(weights: GptWeights) -> int:
    """Of the latents of a slot, which stay on a GPU for the vocoder: those of two sequences, float32."""
    return 2 * 4 * (len(weights.audio_positions) + 1) * weights.width


def choose_slots(
    wanted: int | None,
    device: torch.device,
    weights: GptWeights,
    *,
    positions: int,
    precision: str,
    voice_cache_bytes: int,
) -> int:
    """How many utterances at once: `wanted`, or by default 2 on a CPU and on a GPU as many as its free memory has room for.
    `positions` of one sequence at most."""
    if wanted is not None:
        return wanted
    if device.type != "cuda":
        return SLOTS_ON_A_CPU
    free, _ = torch.cuda.mem_get_info(device)
    itemsize = DTYPES[precision].itemsize
    kept = itemsize * sum(
        linear.weight.numel()
        for layer in weights.layers
        for linear in (layer.attention_in, layer.attention_out, layer.mlp_in, layer.mlp_out)
    )
    slot = 2 * itemsize * len(weights.layers) * positions * weights.width + latent_bytes(weights)
    room = (_SHARE_OF_MEMORY * free - kept - voice_cache_bytes - _WORKSPACE_BYTES) / slot
    return max(1, min(MOST_AUTOMATIC_SLOTS, int(room)))
