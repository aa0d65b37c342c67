"""A window drawn by Mesa and PyTorch's compiler bring an LLVM each, which do not go together."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from napari_ssi import device


@pytest.mark.parametrize("mesa", [True, False])
def test_triton_is_hidden_where_another_llvm_is_loaded(
    mesa: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = tmp_path / "maps"
    library = "libLLVM-15.so.1" if mesa else "libnvidia-glcore.so.550.54"
    loaded.write_text(f"7f00-7f10 r-xp 00000000 08:01 42 /usr/lib/x86_64-linux-gnu/{library}\n")
    monkeypatch.setattr(device, "LOADED", loaded)
    monkeypatch.setitem(sys.modules, "triton", None)  # put back afterwards
    del sys.modules["triton"]
    device.choose("cpu")
    assert ("triton" in sys.modules) == mesa
    if mesa:
        assert importlib.util.find_spec("triton") is None
        with pytest.raises(ImportError):
            import triton  # noqa: F401
        torch.optim.Adam([torch.zeros(2, requires_grad=True)])


def test_what_is_there_already_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "triton", sys)
    monkeypatch.setattr(device, "LOADED", tmp_path / "not on this system")
    device.choose("cpu")
    assert sys.modules["triton"] is sys
    monkeypatch.delitem(sys.modules, "triton")
    device.choose("cpu")
    assert "triton" not in sys.modules
