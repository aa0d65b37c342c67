"""A progress bar on stderr, and Ctrl-C as Stop and Cancel."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from ..events import Control, Progress

WIDTH = 24
#: Seconds between two lines where the bar cannot be redrawn (a log file).
QUIET = 10.0
_SHOWN = ("held_out", "loss")


class Bar:
    """Draws reports: in place on a terminal, now and then a line elsewhere.

    Examples
    --------
    >>> import io
    >>> out = io.StringIO()
    >>> bar = Bar(out, clock=iter((0.0, 20.0)).__next__)
    >>> bar(Progress("training", 0, 100)); bar(Progress("training", 50, 100)); bar.close()
    >>> out.getvalue()
    'training 0/100\\ntraining 50/100, 20 s left\\n'
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        label: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stream = stream or sys.stderr
        self.label = f"{label}: " if label else ""
        self.terminal = self.stream.isatty()
        self._stage = ""
        self._last = 0.0
        self._drawn = 0
        self._ended = False
        self._clock = clock
        self._from = (0.0, 0)  # when this stage began, and at which step

    def __call__(self, progress: Progress) -> None:
        """Show one report."""
        if progress.message:
            self._line(self.label + progress.message)
        now = self._clock()
        stage = f"{progress.channel}: {progress.stage}" if progress.channel else progress.stage
        new_stage = stage != self._stage
        done = progress.step >= progress.total > 0 and not self._ended
        if not new_stage and not done and now - self._last < (0.1 if self.terminal else QUIET):
            return
        if new_stage:
            self.close()
            self._from = (now, progress.step)
        self._stage, self._last = stage, now
        self._ended = progress.step >= progress.total > 0
        if self.terminal:
            filled = round(WIDTH * progress.fraction)
            text = f"{self.label}{stage:<10} " + "█" * filled + "·" * (WIDTH - filled)
            text += f" {self._facts(progress, now)}"
            self.stream.write("\r" + text.ljust(self._drawn))
            self._drawn = len(text)
            self.stream.flush()
        elif progress.step or progress.total > 1:
            self._line(f"{self.label}{stage} {self._facts(progress, now)}")

    def close(self) -> None:
        """End the line of the bar, if there is one."""
        if self._drawn:
            self.stream.write("\n")
            self.stream.flush()
        self._drawn = 0

    def _line(self, text: str) -> None:
        self.close()
        self.stream.write(text + "\n")
        self.stream.flush()

    def _facts(self, progress: Progress, now: float) -> str:
        facts = [f"{progress.step}/{progress.total}"]
        done = progress.step - self._from[1]
        if done > 0 and progress.step < progress.total:
            left = (now - self._from[0]) / done * (progress.total - progress.step)
            facts.append(f"{duration(left)} left")
        facts += [f"{n} {progress.values[n]:.4g}" for n in _SHOWN if n in progress.values]
        return ", ".join(facts)


def duration(seconds: float) -> str:
    """Seconds in words: ``"45 s"``, ``"3 min"``, ``"1 h 20 min"``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def interruptible(control: Control) -> Iterator[None]:
    """The first Ctrl-C stops and keeps the best so far, the second cancels."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupted(number: int, frame: Any) -> None:
        if control.stopping:
            control.cancel()
            print("\nCancelling.", file=sys.stderr)
        else:
            control.stop()
            print("\nStopping; the best so far is kept. Ctrl-C again cancels.", file=sys.stderr)

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
