"""How far a run is, in words."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from ..events import Progress
from .forecast import duration

#: Seconds over which the recent speed is taken: the first steps are slower.
WINDOW = 20.0


class TimeLeft:
    """The rest of a stage from its recent speed."""

    def __init__(self) -> None:
        self._key: tuple[str, int] = ("", 0)
        self._recent: deque[tuple[float, int]] = deque()

    def __call__(self, progress: Progress) -> float | None:
        """Seconds left of this stage's full budget; ``None`` while that cannot be said."""
        key = (f"{progress.stage} {progress.channel}", progress.total)
        if key != self._key or (self._recent and progress.step < self._recent[-1][1]):
            self._key = key
            self._recent.clear()
        self._recent.append((progress.elapsed, progress.step))
        while len(self._recent) > 2 and progress.elapsed - self._recent[1][0] > WINDOW:
            self._recent.popleft()
        seconds = progress.elapsed - self._recent[0][0]
        steps = progress.step - self._recent[0][1]
        if seconds < 1 or steps < 1 or progress.step >= progress.total:
            return None
        return (progress.total - progress.step) * seconds / steps


def sentence(progress: Progress, label: str, number: int, stages: int, left: float | None) -> str:
    """One line for the panel: ``2 of 3 · SSI: training 120 of 1000, 40 s left at most``."""
    words = f"{number + 1} of {stages} · {label}" if stages > 1 else label
    if progress.channel:
        words += f", {progress.channel}"
    words += f": {progress.stage}"
    if progress.total > 1:
        words += f" {progress.step} of {progress.total}"
    if left is not None:
        words += f", {duration(left)} left" + (" at most" if progress.stage == "training" else "")
    if progress.message:
        words += f". {progress.message}"
    return words


def noise_words(values: Mapping[str, float]) -> str:
    """The noise that a method is finding, in the units of the recording; ``""`` if none does."""
    words = ""
    if "sigma_upper" in values:
        words += f". Noise in the dark at most {values['sigma_upper']:.3g}"
    if "gain_upper" in values:
        words += f", gain at most {values['gain_upper']:.3g}"
    return words
