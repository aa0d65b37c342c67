"""Weights of an earlier training, as the start of this one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from ..errors import InputError


@dataclass(frozen=True)
class Start:
    """What was learned of one channel of an earlier recording.

    Attributes
    ----------
    weights
        Of the network, by name, on the CPU.
    ndim
        2 or 3: planes or volumes.
    guided
        Whether the network corrects a first guess, which it is shown beside the recording.
    first_guess
        The method of that, by name; ``""`` for none, or one with settings of its own.
    """

    weights: Mapping[str, Tensor]
    ndim: int
    guided: bool
    first_guess: str = ""

    def check(self, ndim: int, *, guided: bool) -> None:
        """Raise :class:`~napari_ssi.errors.InputError` where a network of another kind is wanted."""
        if ndim != self.ndim:
            kinds = {2: "planes", 3: "volumes"}
            raise InputError(
                f"The model to start from restores {kinds[self.ndim]}, but this recording is of "
                f"{kinds[ndim]}; train from scratch."
            )
        if guided != self.guided:
            theirs, ours = ("a", "none") if self.guided else ("no", "one")
            raise InputError(
                f"The model to start from was trained with {theirs} first guess under the blur, and "
                f"this training has {ours}; choose the same kind of method and "
                "training.first_guess as for that model."
            )

    def fill(self, network: nn.Module, ndim: int, *, guided: bool) -> None:
        """Put the weights into ``network``.

        Raises
        ------
        InputError
            The network is of another form.
        """
        self.check(ndim, guided=guided)
        wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
        if {name: tuple(value.shape) for name, value in self.weights.items()} != wanted:
            raise InputError(
                "The model to start from has a network of another size than this recording and "
                "recipe ask for (channels, depth, or a stack with more or fewer planes); give the "
                "same network parameters, or train from scratch."
            )
        network.load_state_dict(dict(self.weights))


def sha256(starts: Sequence[Start]) -> str:
    """Of the weights of all channels: their names, shapes and values."""
    digest = hashlib.sha256()
    for start in starts:
        for name, value in sorted(start.weights.items()):
            digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
            digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()
