"""When to learn more slowly, and when to stop."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Plateau:
    """Warm up, hold, decay where the held-out error no longer falls, stop in the end.

    It never needs to know the last step, so that Stop, Pause and an early end all
    leave a well-trained network.
    """

    rate: float
    warmup: int
    patience: int
    decays: int

    best: float = math.inf
    best_step: int = 0
    _since: int = 0
    _decayed: int = 0

    def at(self, step: int) -> float:
        """Learning rate of a step, counted from 1."""
        return self.rate * 0.5**self._decayed * min(1.0, step / self.warmup)

    def report(self, step: int, score: float) -> bool:
        """Take note of a held-out error; whether it is the best so far."""
        better = score < self.best
        if better:
            # a gain too small to matter does not postpone the end
            if score < self.best * 0.9995:
                self._since = 0
            self.best, self.best_step = score, step
            return True
        self._since += 1
        if self._since > self.patience:
            self._since = 0
            self._decayed += 1
        return False

    @property
    def finished(self) -> bool:
        """Whether further steps are not worth while."""
        return self._decayed > self.decays
