"""How good a correction of a first guess is where pixels share noise: judged with nothing left out."""

from __future__ import annotations

from collections.abc import Callable, Generator

import torch
from torch import Tensor

from ..events import Control, Progress
from ..noise.base import NoiseModel
from ..physics.base import Physics
from .first_guess import FirstGuess
from .material import Material
from .risk import Risk, telling


class Whole:
    """Judges by the risk of what is predicted from all of a recording.

    Held-out pixels need holes in the recording as wide as noise is shared, and a first guess made with these is
    worse than the one that is corrected in the end: what mends it need not be of use then.
    What is seen of an estimate is ``A x`` for the recording and for the same with a little more noise;
    the guess is made anew for each. Only pixels are counted whose noise has no part in what the
    network was trained to predict, where there are enough of them.
    """

    def __init__(self, risk: Risk, objects: Tensor) -> None:
        self._risk = risk
        #: A correction is taken in part where that is better, and judged by that part.
        self.partly = True
        self._shown = torch.cat([risk.physics.initial(risk.stein.data), objects], 1)
        self._guess = risk.physics.A(objects)

    @classmethod
    def of(
        cls,
        guess: FirstGuess,
        material: Material,
        physics: Physics,
        noise: NoiseModel,
        control: Control,
        generator: torch.Generator,
    ) -> Generator[Progress, None, Whole]:
        """Make the first guesses.

        Parameters
        ----------
        guess
            Whose method is taken, and that says which pixels are predicted.
        material
            What is learned from.
        physics, noise
            Its.
        control, generator
            See :class:`~napari_ssi.restorer.Restorer`.
        """
        n = telling(material.frames)
        frame, lost = material.frames[n][:, :1], material.spoiled(n)[:, :1]
        predicted = guess.unseen[n].any(0, keepdim=True) & ~material.apart[n][:, :1]
        risk = Risk.of(frame, lost, physics, noise, generator, ~noise.sharing(predicted))
        return cls(risk, (yield from risk.objects(guess.method, control)))

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
        if not self.partly:
            return predictions
        return torch.lerp(self._guess, predictions, self.share(self._guess, predictions))
