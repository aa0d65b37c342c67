"""How good a correction of a first guess is where pixels share noise: judged with nothing left out."""

from __future__ import annotations

from collections.abc import Callable, Generator

import torch
from torch import Tensor

from ..events import Control, Progress
from ..noise.base import NoiseModel
from ..physics.base import Physics
from .first_guess import FirstGuess
from .risk import Risk


class Whole:
    """Judges by the risk of what is predicted from all of a recording.

    Held-out pixels need holes in the recording as wide as noise is shared, and a first guess made with these is
    worse than the one that is corrected in the end: what mends it need not be of use then.
    What is seen of an estimate is ``A x`` for the recording and for the same with a little more noise;
    the guess is made anew for each. Only pixels are counted whose noise has no part in what the
    network was trained to predict.
    """

    def __init__(self, risk: Risk, objects: Tensor, partly: bool) -> None:
        self._risk, self._partly = risk, partly
        self._shown = torch.cat([risk.physics.initial(risk.stein.data), objects], 1)
        self._guess = risk.physics.A(objects)

    @classmethod
    def of(
        cls,
        guess: FirstGuess,
        frame: Tensor,
        apart: Tensor,
        physics: Physics,
        noise: NoiseModel,
        control: Control,
        generator: torch.Generator,
        *,
        partly: bool = True,
    ) -> Generator[Progress, None, Whole]:
        """Make the first guesses.

        Parameters
        ----------
        guess
            Whose method is taken, and that says which pixels of ``frame``, its first one, are predicted.
        frame, apart
            The recording, and the pixels (bool) of it that are not predicted.
        physics, noise
            Theirs.
        control, generator
            See :class:`~napari_ssi.restorer.Restorer`.
        partly
            A correction is taken in part where that is better: it is judged by that part.
        """
        predicted = guess.unseen[0].any(0, keepdim=True) & ~apart
        risk = Risk.of(frame, physics, noise, generator, ~noise.sharing(predicted))
        return cls(risk, (yield from risk.objects(guess.method, control)), partly)

    def look(self, network: Callable[[Tensor], Tensor]) -> Tensor:
        """``A x`` for each of the recordings."""
        with torch.no_grad():
            return torch.cat([self._risk.physics.A(network(s)) for s in self._shown.split(1)])

    def error(self, predictions: Tensor) -> float:
        """See :meth:`~napari_ssi.training.risk.Risk.error`."""
        return self._risk.error(self._taken(predictions))

    def behind(self, predictions: Tensor, others: Tensor) -> tuple[float, float]:
        """See :meth:`~napari_ssi.training.risk.Risk.behind`."""
        return self._risk.behind(self._taken(predictions), self._taken(others))

    def share(self, before: Tensor, after: Tensor) -> float:
        """See :meth:`~napari_ssi.training.risk.Risk.share`."""
        return self._risk.share(before, after)

    def _taken(self, predictions: Tensor) -> Tensor:
        if not self._partly:
            return predictions
        return torch.lerp(self._guess, predictions, self.share(self._guess, predictions))
