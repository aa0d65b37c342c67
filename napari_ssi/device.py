"""Where to compute, and why."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from .errors import InputError

#: What this process has loaded, on Linux.
LOADED = Path("/proc/self/maps")


def choose(name: str) -> tuple[torch.device, str]:
    """The torch device for ``auto``, ``cpu``, ``cuda`` or ``mps``, and the reason in words.

    Raises :class:`InputError` if the one asked for is not there.
    """
    _keep_compilers_apart()
    cuda = torch.cuda.is_available()
    mps = torch.backends.mps.is_available()
    if name == "cpu":
        return torch.device("cpu"), "CPU, as chosen"
    if name == "cuda" or (name == "auto" and cuda):
        if not cuda:
            raise InputError(f"There is no usable NVIDIA GPU ({_why()}); choose 'auto' or 'cpu'.")
        return torch.device("cuda"), f"GPU ({torch.cuda.get_device_name()})"
    if name == "mps" or (name == "auto" and mps):
        if not mps:
            raise InputError("There is no Apple GPU that PyTorch can use; choose 'auto' or 'cpu'.")
        return torch.device("mps"), "Apple GPU"
    if name != "auto":
        raise InputError(f"The device must be one of auto, cpu, cuda, mps; got {name!r}.")
    return torch.device("cpu"), f"CPU ({_why()})"


def _why() -> str:
    if torch.version.cuda is None:
        return "this PyTorch is built without CUDA"
    return "PyTorch finds no NVIDIA GPU or driver"


def _keep_compilers_apart() -> None:
    """Hide triton where another LLVM than its own is loaded, as the process would crash with both.

    Mesa, which draws napari's window on many remote desktops and wherever there is no GPU, brings one. PyTorch's
    builds with CUDA come with triton, and its optimizers import that with all that belongs to
    ``torch.compile``, although nothing here is compiled. Seen with triton 3.8 and LLVM 15: a segmentation
    fault at the first step, after which no data of the session are left.
    """
    if "triton" in sys.modules:
        return
    try:
        loaded = LOADED.read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return
    if "libLLVM" in loaded:
        sys.modules["triton"] = None  # type: ignore[assignment]
