"""Which weights a training ends with."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

from torch import Tensor, nn

from ..errors import InputError
from .held_out import HeldOut, trimmed
from .schedule import Plateau

#: Standard errors by which a network has to be better than its first guess to be kept.
BELIEVED = 2.0


class Choice:
    """Looks at a network now and then, and keeps the weights that predicted held-out pixels best.

    Parameters
    ----------
    network
        The weights that are looked at; in the end it holds the chosen ones.
    predict
        What they make of an input, as :class:`~napari_ssi.training.held_out.HeldOut` asks for it.
    score
        The held-out pixels.
    schedule
        Is told of each look, and remembers the best.

    Attributes
    ----------
    at_start
        The held-out error before the first step; infinite where it was not looked at.
    diverged
        Whether the last look was at numbers that are none.
    """

    def __init__(
        self,
        network: nn.Module,
        predict: Callable[[Tensor], Tensor],
        score: HeldOut,
        schedule: Plateau,
    ) -> None:
        self._network = network
        self._predict = predict
        self._score = score
        self._schedule = schedule
        self._first = self._best = copy.deepcopy(network.state_dict())
        self._before: Tensor | None = None
        self.at_start = math.inf
        self.diverged = False

    def begin(self) -> None:
        """Look at the weights before the first step: what has to be improved on."""
        self._before = self._score.squares(self._predict)
        self._schedule.report(0, trimmed(self._before))
        self.at_start = self._schedule.best

    def look(self, step: int) -> float:
        """The held-out error of the weights after ``step``; they are kept if it is the lowest."""
        error = self._score(self._predict)
        self.diverged = not math.isfinite(error)
        if not self.diverged and self._schedule.report(step, error):
            self._best = copy.deepcopy(self._network.state_dict())
        return error

    def end(self, step: int, *, select: bool, doubt: bool) -> tuple[int, float]:
        """Put the chosen weights into the network; of which step they are, and the lowest error.

        Parameters
        ----------
        step
            The last one.
        select
            Take the best weights; else the last, unless they diverged.
        doubt
            Go back to the weights before the first step unless the best are better by
            :data:`BELIEVED` standard errors: the lowest of many looks at few pixels is so by luck, too.

        Raises
        ------
        InputError
            The training diverged before there was anything to keep.
        """
        best = self._schedule.best
        if self.diverged and not math.isfinite(best):
            raise InputError(
                "The training diverged from the start; choose a lower learning rate "
                f"(training.learning_rate is {self._schedule.rate:g})."
            )
        if not select and not self.diverged:
            return step, best
        self._network.load_state_dict(self._best)
        if doubt and self._before is not None and self._schedule.best_step > 0:
            surely = self._score.gain(self._before, self._predict) >= BELIEVED
            if not surely:
                self._network.load_state_dict(self._first)
                return 0, self.at_start
        return self._schedule.best_step, best
