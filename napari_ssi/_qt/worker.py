"""Work in another thread: a generator that is watched, or one call that is awaited."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from typing import Any

from qtpy.QtCore import Signal
from superqt.utils._qthreading import WorkerBase, WorkerBaseSignals

from ..events import Cancelled, Control, Watched


def spare_a_core() -> None:
    """Leave one core to the window; called in the thread that computes."""
    import torch

    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    torch.set_num_threads(max(1, min(torch.get_num_threads(), cores - 1)))


class _Signals(WorkerBaseSignals):
    yielded = Signal(object)
    cancelled = Signal()


class Worker(WorkerBase):
    """Runs a generator and reports what it yields; stopping and cancelling are the control's.

    superqt's own generator worker throws the result away when it quits and
    replaces Python's warning filters while it runs, which two workers at a time
    would leave in disorder; here nothing global is touched. napari waits for
    all workers before it exits, and :meth:`quit` makes that short.
    """

    def __init__(self, work: Callable[[], Generator[Any, None, Any]], control: Control) -> None:
        super().__init__(SignalsClass=_Signals)
        self._work = work
        self._control = control

    def quit(self) -> None:
        """Cancel; also called by napari when the application ends."""
        self._control.cancel()
        super().quit()

    def run(self) -> None:
        """What the thread pool calls."""
        self._running = True
        try:
            self._tell("started")
            steps = Watched(self._work())
            for report in steps:
                self._tell("yielded", report)
            self._tell("returned", steps.value)
        except Cancelled:
            self._tell("cancelled")
        except BaseException as error:
            self._tell("errored", error)
        finally:
            del self._work  # with it go the arrays that it holds
            self._running = False
            self._tell("finished")
            self._tell("_finished", self)

    def _tell(self, name: str, *values: object) -> None:
        try:
            getattr(self.signals, name).emit(*values)
        except RuntimeError:  # Qt is gone: the application has ended meanwhile
            self._control.cancel()


def call(work: Callable[[], Any]) -> Worker:
    """A worker for one call; its result comes with ``returned``."""

    return Worker(lambda: _once(work), Control())


def _once(work: Callable[[], Any]) -> Generator[Any, None, Any]:
    yield from ()
    return work()
