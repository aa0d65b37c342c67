"""Which weights a training ends with."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from ..errors import InputError
from ..networks._module import NetworkModule
from .schedule import Plateau

Predict = Callable[[Tensor], Tensor]


class Judge(Protocol):
    """Says how good a network is, by what it sees of its estimates."""

    def look(self, network: Predict) -> Tensor:
        """What it sees of an estimate."""
        ...

    def error(self, seen: Tensor) -> float:
        """The score: a squared error, the noise of the recording included."""
        ...

    def behind(self, seen: Tensor, others: Tensor) -> tuple[float, float]:
        """By how much the score of some exceeds that of others, and the standard error of that."""
        ...

    def share(self, before: Tensor, after: Tensor) -> float:
        """How far to go from an earlier estimate towards a later one, 0 to 1."""
        ...


class Choice:
    """Looks at a network now and then, and keeps the weights that predicted held-out pixels best.

    Where a first guess is corrected under a blur, the latest of those that are within a standard error
    of the best: held-out pixels see little of the fine detail that blur has all but removed and
    longer training still finds, so that the lowest error is often lowest by luck.

    Parameters
    ----------
    network
        The weights that are looked at; in the end it holds the chosen ones.
    predict
        What they make of an input, as the judge asks for it.
    judge
        The held-out pixels, or what takes their place.
    schedule
        Is told of each look.
    late
        Take the latest that is as good as the best.

    Attributes
    ----------
    at_start
        The held-out error of what has to be improved on; infinite where it was not looked at.
    diverged
        Whether the last look was at numbers that are none.
    share
        How much of its correction of a first guess the network in the end makes.
    """

    def __init__(
        self,
        network: NetworkModule,
        predict: Predict,
        judge: Judge,
        schedule: Plateau,
        *,
        late: bool = False,
    ) -> None:
        self._network = network
        self._predict = predict
        self._judge = judge
        self._schedule = schedule
        self._late = late
        self._first = self._kept = copy.deepcopy(network.state_dict())
        self._before: Tensor | None = None
        self._best: Tensor | None = None
        self._least = self._error = math.inf
        self._step = 0
        self.at_start = math.inf
        self.diverged = False
        self.share = 1.0

    def begin(self, earlier: Predict | None = None) -> None:
        """Look at what has to be improved on.

        That is the ``earlier`` estimate, made of the same input; by default the weights before the first
        step, which in a network that corrects a guess stand for the guess. The schedule is told
        of these only: one that has to learn what is known earlier is not late while it does.
        """
        self._before = self._judge.look(earlier or self._predict)
        self.at_start = self._judge.error(self._before)
        if earlier is None:
            self._schedule.report(0, self.at_start)

    def look(self, step: int) -> float:
        """The held-out error of the weights after ``step``; they are kept if none were better."""
        seen = self._judge.look(self._predict)
        error = self._judge.error(seen)
        self.diverged = not math.isfinite(error)
        if self.diverged:
            return error
        self._schedule.report(step, error)
        best = error < self._least
        if best:
            self._least, self._best = error, seen
        if best or (self._late and self._as_good(seen)):
            self._error, self._step = error, step
            self._kept = copy.deepcopy(self._network.state_dict())
        return error

    def _as_good(self, seen: Tensor) -> bool:
        assert self._best is not None
        excess, error = self._judge.behind(seen, self._best)
        return excess <= error

    def end(self, step: int, *, select: bool, blend: bool) -> tuple[int, float]:
        """Put the chosen weights into the network; of which step they are, and their error.

        Parameters
        ----------
        step
            The last one.
        select
            Take the best weights; else the last, unless they diverged.
        blend
            What has to be improved on is a first guess: take as much of the kept network's
            correction as the judge speaks for, which is
            steadier than one or the other, as the lowest of many looks at few pixels is so by luck, too.

        Raises
        ------
        InputError
            The training diverged before there was anything to keep.
        """
        if self.diverged and not math.isfinite(min(self._error, self.at_start)):
            raise InputError(
                "The training diverged from the start; choose a lower learning rate "
                f"(training.learning_rate is {self._schedule.rate:g})."
            )
        if not select and not self.diverged:
            return step, self._error if step else self.at_start
        self._network.load_state_dict(self._kept)
        if self._before is None:
            return self._step, self._error
        better = self._error < self.at_start
        if blend:
            trained = math.isfinite(self._error)
            after = self._judge.look(self._predict) if trained else self._before
            self.share = self._judge.share(self._before, after)
            if not self._network.corrects:
                self.share = float(self.share >= 0.5)
            better = self.share > 0
        if not better:
            self._network.load_state_dict(self._first)
            return 0, self.at_start
        if self.share == 1:
            return self._step, self._error
        self._network.shrink(self.share)
        return self._step, self._judge.error(self._judge.look(self._predict))
