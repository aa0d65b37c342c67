"""Which weights a training ends with."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

from torch import Tensor

from ..errors import InputError
from ..networks._module import NetworkModule
from .held_out import HeldOut, trimmed
from .schedule import Plateau


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
        Is told of each look.

    Attributes
    ----------
    at_start
        The held-out error before the first step; infinite where it was not looked at.
    diverged
        Whether the last look was at numbers that are none.
    share
        How much of its correction of a first guess the network in the end makes.
    """

    def __init__(
        self,
        network: NetworkModule,
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
        self._least, self._step = math.inf, 0
        self.at_start = math.inf
        self.diverged = False
        self.share = 1.0

    def begin(self) -> None:
        """Look at the weights before the first step: what has to be improved on."""
        self._before = self._score.residuals(self._predict)
        self.at_start = trimmed(self._before)
        self._schedule.report(0, self.at_start)

    def look(self, step: int) -> float:
        """The held-out error of the weights after ``step``; they are kept if it is the lowest of all."""
        error = self._score(self._predict)
        self.diverged = not math.isfinite(error)
        if not self.diverged:
            self._schedule.report(step, error)
            if error < self._least:
                self._least, self._step = error, step
                self._best = copy.deepcopy(self._network.state_dict())
        return error

    def end(self, step: int, *, select: bool, blend: bool) -> tuple[int, float]:
        """Put the chosen weights into the network; of which step they are, and their error.

        Parameters
        ----------
        step
            The last one.
        select
            Take the best weights; else the last, unless they diverged.
        blend
            The weights before the first step stand for a first guess: take as much of the best network's
            correction as held-out pixels speak for
            (:meth:`~napari_ssi.training.held_out.HeldOut.share`), which is
            steadier than one or the other, as the lowest of many looks at few pixels is so by luck, too.

        Raises
        ------
        InputError
            The training diverged before there was anything to keep.
        """
        if self.diverged and not math.isfinite(min(self._least, self.at_start)):
            raise InputError(
                "The training diverged from the start; choose a lower learning rate "
                f"(training.learning_rate is {self._schedule.rate:g})."
            )
        if not select and not self.diverged:
            return step, self._least if step else self.at_start
        self._network.load_state_dict(self._best)
        if self._before is None:
            return self._step, self._least
        better = self._least < self.at_start
        if blend:
            trained = math.isfinite(self._least)
            self.share = self._score.share(self._before, self._predict) if trained else 0.0
            if not self._network.corrects:
                self.share = float(self.share >= 0.5)
            better = self.share > 0
        if not better:
            self._network.load_state_dict(self._first)
            return 0, self.at_start
        if self.share == 1:
            return self._step, self._least
        self._network.shrink(self.share)
        return self._step, self._score(self._predict)
