"""A GPU that is none: CPU tensors that say ``cuda`` or ``mps``, and refuse what these refuse.

Without a GPU a mask made on the CPU multiplies anything, and only a user would find out. Here

- what is made on the device, or moved there, is a :class:`Pretend` around the CPU tensor that does the work
- an operation that mixes these with ordinary tensors is refused as PyTorch refuses it: it lets a CPU
  tensor without dimensions go into arithmetic, a CPU index into an index, and both into a copy
- ``numpy`` is refused, and so is a generator of another device
- an operation is refused that PyTorch's own list has no kernel for on the device, and on ``mps`` double
  precision

It does not know which dtypes and shapes a kernel takes, what reduced precision does to the numbers, nor
how much memory there is. Autocast, streams and synchronisation are not run.

In C++ these tensors stand on ``meta``, of which autograd needs no driver, and the device's name is translated
at the border, so that Python sees ``cuda`` or ``mps`` everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch
from weakref import WeakValueDictionary

import pytest
import torch
import torchgen
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

CPU, META = torch.device("cpu"), torch.device("meta")
#: Makers from numbers, which PyTorch fills on the CPU and moves out of a dispatch mode's sight.
FROM_DATA = ("tensor", "as_tensor", "asarray", "new_tensor", "scalar_tensor")
#: May cross between devices.
CROSSING = ("copy_", "_to_copy")
#: Take indices, which may stand on the CPU.
INDEXING = ("index", "index_put", "index_put_", "_index_put_impl_")
#: Lazy views, which PyTorch resolves before a dispatch mode sees the next operation: done at once.
EAGER: dict[Any, Callable[..., Any]] = {
    torch.ops.aten._conj.default: torch.conj_physical,
    torch.ops.aten._neg_view.default: torch.neg,
}
#: What Apple's GPUs have not.
DOUBLE = (torch.float64, torch.complex128)


class Pretend(Tensor):
    """A CPU tensor, ``inner``, that says that it stands on a GPU."""

    inner: Tensor
    kind: str

    @staticmethod
    def __new__(cls, inner: Tensor, kind: str) -> Pretend:
        self: Pretend = Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=META,
        )
        self.inner, self.kind = inner, kind
        return self

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"{func}: a tensor of the pretended GPU is used outside of it")

    @property
    def device(self) -> torch.device:
        return torch.device(self.kind, 0)

    @property
    def is_cuda(self) -> bool:
        return self.kind == "cuda"

    @property
    def is_mps(self) -> bool:
        return self.kind == "mps"

    @property
    def is_meta(self) -> bool:
        return False

    def tolist(self) -> Any:
        return self.inner.tolist()

    def numpy(self, *, force: bool = False) -> Any:
        if force:
            return self.inner.numpy()
        raise TypeError(
            f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the "
            "tensor to host memory first."
        )

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.numpy()

    def __repr__(self, **kwargs: Any) -> str:
        return f"Pretend({self.inner}, {self.device})"


class PretendGenerator(torch.Generator):
    """Draws on the CPU, and says that it stands elsewhere."""

    #: By what it is in C++: a dispatch mode is not given the object itself.
    known: ClassVar[WeakValueDictionary[int, PretendGenerator]] = WeakValueDictionary()

    def __new__(cls, device: Any = "cpu") -> PretendGenerator:
        self = super().__new__(cls, "cpu")
        self.where = torch.device(device)
        cls.known[self._cdata] = self
        return self

    @property
    def device(self) -> torch.device:
        return self.where


@pytest.fixture(name="pretended")
def _pretended() -> Callable[[str], AbstractContextManager[torch.device]]:
    """See :func:`pretended`."""
    return pretended


@contextmanager
def pretended(kind: str) -> Iterator[torch.device]:
    """Within it there is a GPU of that kind, ``cuda`` or ``mps``."""
    with patch.object(torch, "Generator", PretendGenerator), _Kernels(kind), _Names(kind):
        yield torch.device(kind, 0)


class _Names(TorchFunctionMode):
    """Translates the device's name where Python calls into C++."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.device:
            return func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if name in FROM_DATA:
            like = args[0].device if name == "new_tensor" else CPU
            if torch.device(kwargs.get("device") or like).type == self.kind:
                return func(*args, **{**kwargs, "device": CPU}).to(META)
        if func is Tensor.numpy and isinstance(args[0], Pretend):
            return args[0].numpy(**kwargs)
        if name == self.kind:  # Tensor.cuda()
            return args[0].to(META)
        args = [self._meta(a) for a in args]
        return func(*args, **{key: self._meta(a) for key, a in kwargs.items()})

    def _meta(self, a: Any) -> Any:
        if isinstance(a, torch.device):
            return META if a.type == self.kind else a
        return META if isinstance(a, str) and a.partition(":")[0] == self.kind else a


class _Kernels(TorchDispatchMode):
    """Computes on the CPU, below autograd, and refuses what the device would."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled, and the compiler takes seconds to import

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        flat: list[Any] = []
        lowered = _down(tuple(args), flat)
        given = {key: _down(a, flat) for key, a in kwargs.items()}
        known = {id(a.inner): a for a in flat if type(a) is Pretend}
        asked = kwargs.get("device")
        here = bool(known) if asked is None else asked.type == "meta"
        if not (here or known or flat):
            return func(*lowered, **given)
        for a in flat:
            if isinstance(a, torch._C.Generator):
                self._check_generator(PretendGenerator.known.get(a._cdata, a), here)
        if known or here:
            self._check_kernel(func)
        if known:
            self._check_mixture(func, args, flat)
        if here and changes_shape(func):
            raise NotImplementedError(f"{func} of a pretended GPU: its shape would not follow")
        found = EAGER.get(func, func)(*lowered, **given)
        return self._up(found, known) if here else found

    def _up(self, a: Any, known: dict[int, Pretend]) -> Any:
        if isinstance(a, list | tuple):
            return type(a)(self._up(each, known) for each in a)
        if not isinstance(a, Tensor):
            return a
        if self.kind == "mps" and a.dtype in DOUBLE:
            raise TypeError(
                "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't "
                "support float64. Please use float32 instead."
            )
        return known[id(a)] if id(a) in known else Pretend(a, self.kind)

    def _check_mixture(self, func: Any, args: Any, flat: list[Any]) -> None:
        name = func._schema.name.partition("::")[2]
        others = [a for a in flat if isinstance(a, Tensor) and not isinstance(a, Pretend)]
        if not others or name in CROSSING:
            return
        if name in INDEXING:
            if not isinstance(args[0], Pretend):
                raise RuntimeError(
                    "indices should be either on cpu or on the same device as the indexed tensor (cpu)"
                )
            others = [a for a in others if not any(a is i for i in args[1])]
        written = [
            value
            for value, a in zip(args, func._schema.arguments, strict=False)
            if a.alias_info is not None and a.alias_info.is_write
        ]
        scalars = all(a.ndim == 0 and not any(a is w for w in written) for a in others)
        if others and not (scalars and takes_cpu_scalars(func)):
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices, "
                f"{self.kind}:0 and cpu! (when checking {func})"
            )

    def _check_generator(self, generator: torch.Generator, here: bool) -> None:
        wanted = self.kind if here else "cpu"
        if generator.device.type != wanted:
            raise RuntimeError(
                f"Expected a '{wanted}' device type for generator but found "
                f"'{generator.device.type}'"
            )

    def _check_kernel(self, func: Any) -> None:
        if not has_kernel(func, self.kind.upper()):
            raise NotImplementedError(
                f"The operator '{func}' is not currently implemented for the {self.kind} device."
            )


def _down(a: Any, seen: list[Any]) -> Any:
    """What the CPU is given for an argument; tensors and generators in it are put into ``seen``."""
    kind = type(a)
    if kind is Pretend:
        seen.append(a)
        return a.inner
    if kind is list or kind is tuple:
        return kind(_down(each, seen) for each in a)
    if isinstance(a, Tensor | torch._C.Generator):
        seen.append(a)
    elif kind is torch.device and a.type == "meta":
        return CPU
    return a


@cache
def changes_shape(func: Any) -> bool:
    """Whether it gives a tensor another shape in place."""
    return torch.Tag.inplace_view in func.tags


@cache
def has_kernel(func: Any, backend: str) -> bool:
    """Whether PyTorch's own list has the operation for ``CUDA`` or ``MPS``."""
    entry = _entry(func)
    while delegate := re.search(r"^  structured_delegate: (\S+)", entry, re.M):
        entry = _listed()[delegate[1]]
    if "\n  dispatch:" not in entry:  # made of others
        return True
    keys = {k for line in re.findall(r"^    ([\w, ]+):", entry, re.M) for k in line.split(", ")}
    if "ufunc_inner_loop" in entry:  # its kernels are generated
        keys |= {"CPU", "CUDA"}
    return backend in keys or any(key.startswith("Composite") for key in keys)


@cache
def takes_cpu_scalars(func: Any) -> bool:
    """Whether a tensor without dimensions may stand on the CPU, as it may in arithmetic."""
    return "\n  device_check: NoCheck" in _entry(func)


def _entry(func: Any) -> str:
    name, overload = func._schema.name.partition("::")[2], func._schema.overload_name
    return _listed().get(f"{name}.{overload}".removesuffix("."), "")


@cache
def _listed() -> dict[str, str]:
    """What PyTorch's kernels are generated from, by operation."""
    path = Path(torchgen.__file__).parent / "packaged/ATen/native/native_functions.yaml"
    entries = path.read_text(encoding="utf-8").split("\n- func: ")[1:]
    return {entry.partition("(")[0]: entry for entry in entries}
