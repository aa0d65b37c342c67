"""A trained network, ready to restore frames."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..events import Control, Progress, Watched
from ..losses.base import Loss
from ..networks._module import NetworkModule
from ..noise.base import NoiseModel
from ..physics.base import Physics, transform
from ..restorer import Steps, Weighted
from .cleaning import cleaned
from .given_back import given_back
from .mixture import Mixture
from .tiles import run_tiled

Move = tuple[tuple[int, ...], tuple[int, ...]]

_KINDS = {2: "planes", 3: "volumes"}


@dataclass
class TrainedModel:
    """The weights that predicted the held-out pixels best.

    Attributes
    ----------
    network
        The network with its averaged weights.
    loss
        For what it shows the network.
    estimates
        ``held_out``, ``best_step``, ``steps`` …
    ensemble
        Average over those symmetries of the physics that it was trained with.
    moves
        The symmetries it was trained with, see :meth:`~napari_ssi.physics.base.Physics.symmetries`.
    guess
        The method of the first guess that the network corrects.
    trusted
        The noise that the loss relied on: pixels that belie it are replaced first.
    noise
        Where there is no blur: detail that was taken for noise is given back.
    mixture
        The classical restoration that its own is mixed with.
    """

    network: NetworkModule
    loss: Loss
    estimates: dict[str, float]
    ensemble: bool = False
    moves: Sequence[Move] = ()
    guess: Weighted | None = None
    trusted: NoiseModel | None = None
    noise: NoiseModel | None = None
    mixture: Mixture | None = None

    def apply(self, y: Tensor, physics: Physics, control: Control) -> Steps:
        """Restore one frame, see :class:`~napari_ssi.restorer.Fitted`."""
        if y.ndim - 2 != self.network.ndim:
            raise InputError(
                f"What was learned restores {_KINDS[self.network.ndim]}, but this recording is of "
                f"{_KINDS[y.ndim - 2]}; train on it instead."
            )
        if self.mixture is None or nothing_learned(self.estimates):
            return (yield from self.restore(y, physics, control))

        def restore(y: Tensor, physics: Physics) -> Steps:
            return self.restore(y, physics, control)

        return (yield from self.mixture.apply(restore, y, physics, control))

    def restore(
        self, y: Tensor, physics: Physics, control: Control, lost: Tensor | None = None
    ) -> Steps:
        """The network's part of it; ``lost`` are the missing pixels if the physics cannot tell from this y."""
        began = time.monotonic()
        device = physics.device
        self.network.to(device).eval()
        self.network.under(physics)
        ndim = y.ndim - 2
        if nothing_learned(self.estimates):  # the weights are random
            return physics.upsample(y).cpu().clone()
        lost, measured = physics.missing(y) if lost is None else lost, y
        y, bad = cleaned(y, self.trusted, lost)
        if self.trusted is not None:
            self.estimates["outliers"] = float(
                (bad if lost is None else bad & ~lost).float().mean()
            )
        first: Tensor | None = None
        if self.guess is not None:
            given = y if lost is None else torch.where(lost, measured, y)
            steps = Watched(self.guess.apply(given, physics, control))
            for progress in steps:
                yield replace(progress, stage="first guess", values={}, preview=None)
            first = steps.value.to(y)
            if "start_held_out" not in self.estimates and self.estimates.get("best_step") == 0:
                return first.cpu()  # no correction was better than none
            began = time.monotonic()
        same, *others = physics.symmetries(ndim)
        moves = [same, *(m for m in others if self.ensemble and m in self.moves)]
        total = torch.zeros((*y.shape[:2], *physics.finer(y.shape[2:])))
        passes = len(moves) * self.loss.passes
        predict = on_device(self.loss, self.network, device)
        # one view at a time: of a volume, all of them would fill the memory
        turns = ((view, move) for view in self.loss.views(y) for move in moves)
        with interruptible(self.network, control.checkpoint):
            for done, (view, (order, flips)) in enumerate(turns):
                # the frame stays where it is; only tiles travel to the device
                moved = transform(shown(view, first, physics), order, flips).contiguous()
                out = torch.empty(moved[:, :1].shape)
                for tile, tiles in run_tiled(self.network, predict, moved, out):
                    control.checkpoint()
                    yield Progress(
                        "restoring",
                        done * tiles + tile,
                        passes * tiles,
                        elapsed=time.monotonic() - began,
                    )
                back = out.flip([2 + a for a in flips]) if flips else out
                inverse = sorted(range(ndim), key=order.__getitem__)
                total += transform(back, inverse, ())
        if self.noise is None:
            return total / passes
        seen, spoiled = y[:, :1].cpu(), bad[:, :1].cpu()
        giving = Watched(given_back(total / passes, seen, self.noise, control, spoiled))
        yield from giving
        x, self.estimates["given_back"] = giving.value
        return x


def nothing_learned(estimates: Mapping[str, float]) -> bool:
    """Whether it was stopped before the first step, with nothing to start from."""
    return estimates.get("steps") == 0 and "start_held_out" not in estimates


def shown(y: Tensor, guess: Tensor | None, physics: Physics) -> Tensor:
    """What the network is shown of a whole frame, on the grid of the object."""
    y = physics.upsample(y)
    return y if guess is None else torch.cat([y, guess], 1)


def on_device(
    loss: Loss, network: NetworkModule, device: torch.device
) -> Callable[[Tensor], Tensor]:
    """Maps a tile, wherever it is, to the estimate of the object on ``device``."""

    def predict(tile: Tensor) -> Tensor:
        return loss.once(network, tile.to(device))

    return predict


def precision(device: torch.device, shape: Sequence[int], network: nn.Module) -> Any:
    """Half-width arithmetic for training, where the hardware is built for it.

    bfloat16 keeps the range of float32; weights, averages, the last layer and
    the final inference stay in float32. ``shape`` is the spatial shape of the
    input. On the CPU, the gradients of dilated convolutions, and of those over just two planes, read
    memory that nothing was written to, or crash (oneDNN, seen with torch 2.13): these stay in float32.
    """
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.autocast("cuda", torch.bfloat16)
    if device.type == "cpu" and min(shape) > 2 and not _dilated(network):
        able: dict[str, Any] = getattr(
            torch.cpu, "get_capabilities", dict
        )()  # not in older versions of torch
        if able.get("avx512_bf16") or able.get("amx_bf16"):
            return torch.autocast("cpu", torch.bfloat16)
    return nullcontext()


def _dilated(network: nn.Module) -> bool:
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Conv3d)]
    return any(max(convolution.dilation) > 1 for convolution in convolutions)


@contextmanager
def interruptible(network: nn.Module, check: Callable[[], None]) -> Iterator[None]:
    """Call ``check`` before every convolution: a large tile must not delay a cancel."""

    def hook(module: nn.Module, args: object) -> None:
        check()

    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Conv3d)]
    handles = [m.register_forward_pre_hook(hook) for m in convolutions]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
