"""The life of a run: what its reports do to the panel and to the viewer."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from napari.layers import Image
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QObject, Signal

from ..errors import InputError
from ..restoration import Restoration
from .compare import SideBySide
from .forecast import duration
from .job import Done, Event, Job, Report, Skipped
from .preview import Preview, Snapshot
from .resolve import Plan, apply_to_all
from .results import to_layers
from .sections.run import RunSection
from .time_left import TimeLeft, noise_words, sentence

if TYPE_CHECKING:
    import napari

    from ..events import Progress

log = logging.getLogger("napari_ssi")


class Session(QObject):
    """One run at a time: job, preview, results, and the buttons that steer them."""

    finished = Signal(object)
    failed = Signal(str)
    busy = Signal(bool)
    learned = Signal(object)

    def __init__(self, viewer: napari.viewer.Viewer, view: RunSection, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._view = viewer, view
        self.job: Job | None = None
        self._preview = Preview(viewer)
        self._compare = SideBySide(viewer)
        self._inputs: list[Image] = []
        self._kept: list[Image] = []
        self._layers: list[Image] = []
        self._stage = -1
        self._noise_words = ""
        self._left = TimeLeft()
        self._last: tuple[Plan, Restoration] | None = None
        self.restorations: dict[str, Restoration] = {}
        self.last_learned: Restoration | None = None
        view.pause.connect(self.pause)
        view.stop.connect(self.stop)
        view.cancel.connect(self.cancel)
        view.apply.connect(self.apply_to_all)
        view.compare.connect(self.side_by_side)
        view.keep.connect(self._keep)
        view.looked_back.connect(lambda s: self._preview.show(s.plane, again=True))
        viewer.dims.events.point.connect(self._slid)
        viewer.layers.events.removed.connect(self._refresh)

    def detach(self) -> None:
        """The panel goes: cancel, and let go of the viewer."""
        self.abandon()
        self._viewer.dims.events.point.disconnect(self._slid)
        self._viewer.layers.events.removed.disconnect(self._refresh)

    def abandon(self) -> None:
        """Cancel without touching any widget or layer."""
        if self.job is not None:
            self.job.control.cancel()

    # --- steering ------------------------------------------------------------------------

    def begin(self, plan: Plan, inputs: list[Image]) -> None:
        """Start a run; the inputs are only compared with, never read again."""
        if self.job is not None:
            return
        self.side_by_side(False)
        self._inputs, self._layers, self._kept = list(inputs), [], []
        self._stage = -1
        self.restorations, self._last = {}, None
        self._preview.begin(plan.frames[0])
        self._view.begin()
        z = self._plane(plan)
        # Adding a layer takes napari a while; done now, it does not hold up the window later.
        with contextlib.suppress(InputError):
            self._preview.show(plan.stack.read(plan.stack.frames(0, 2)[z]))
        self._refresh()
        self.job = job = Job(plan, z, self)
        job.happened.connect(self._on_event)
        job.ended.connect(self._on_ended)
        job.cancelled.connect(self._on_cancelled)
        job.failed.connect(self._on_failed)
        self._view.set_state("running", "Starting …")
        self.busy.emit(True)
        job.start()

    def pause(self, on: bool) -> None:
        """Hold, or go on."""
        if self.job is None:
            return
        if on:
            self.job.control.pause()
            self._view.set_state("paused", f"Paused. {self._view.status.text()}")
        else:
            self.job.control.resume()
            self._view.set_state("running", "Going on …")

    def stop(self) -> None:
        """End the fit and keep the best so far; the final restoration follows."""
        if self.job is not None:
            self._view.set_state(
                "stopping", "Stopping: the image is restored with the best so far …"
            )
            self.job.control.stop()

    def cancel(self) -> None:
        """Leave nothing behind; what the run has made is gone at once."""
        if self.job is None:
            return
        self.job.control.cancel()
        self._view.set_state("cancelling", "Cancelling …")
        self._sweep()

    def apply_to_all(self) -> None:
        """Restore the whole recording with what the try has learned."""
        if self._last is not None and self.job is None:
            plan, restoration = self._last
            inputs = [la for la in self._inputs if la in self._viewer.layers]
            self.begin(apply_to_all(plan, restoration), inputs)

    def side_by_side(self, on: bool) -> None:
        """Input and results beside each other, or back."""
        layers = self._comparable()
        if on and len(layers) > 1:
            self._compare.show(layers)
        else:
            self._compare.leave()
        self._view.show_comparing(self._compare.on)

    # --- what the job reports ------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        if self._view.state == "cancelling" or self.job is None:
            return
        if event.stage != self._stage:
            self._stage = event.stage
            self._noise_words = ""
            self._preview.forget_snapshots()
            self._view.set_snapshots([])
        if isinstance(event, Report):
            for progress in event.progress:
                self._take(progress)
            self._show_progress(event.progress[-1])
        elif isinstance(event, Done):
            self._add(event)
        elif isinstance(event, Skipped):
            label = self.job.plan.stages[event.stage].label
            show_warning(f"{label} was left out: {event.reason}")

    def _take(self, progress: Progress) -> None:
        assert self.job is not None
        if progress.stage == "training":
            self._view.plot.add(progress.step, progress.values)
            self._noise_words = noise_words(progress.values) or self._noise_words
        if progress.preview is None:
            return
        label = self.job.plan.stages[self._stage].label
        words = f"{label}, step {progress.step}"
        self._preview.take(Snapshot(progress.preview, progress.plane, words))
        self._view.set_snapshots(self._preview.snapshots)
        self._view.plot.redraw()
        if not self._view.looking_back:
            first = self._preview.layer is None
            self._preview.show(progress.preview)
            if first:
                self._refresh()

    def _show_progress(self, progress: Progress) -> None:
        assert self.job is not None
        if self._view.state not in ("running", "stopping"):
            return
        stages = self.job.plan.stages
        label = stages[self._stage].label
        words = sentence(progress, label, self._stage, len(stages), self._left(progress))
        if progress.stage == "training":
            words += self._noise_words
        self._view.show_progress(progress.fraction, words)

    def _add(self, done: Done) -> None:
        assert self.job is not None
        plan = self.job.plan
        stage = plan.stages[done.stage]
        self.restorations[stage.label] = done.restoration
        if stage.main:
            self._preview.remove()
            self._view.plot.redraw()
            self._last = (plan, done.restoration)
            if done.restoration.learned:
                self.last_learned = done.restoration
                self.learned.emit(done.restoration)
        for layer in to_layers(done.restoration, plan, stage.label):
            self._viewer.add_layer(layer)
            self._layers.append(layer)
        self._preview.raise_()
        self._refresh()

    def _keep(self, snapshot: Snapshot) -> None:
        layer = self._preview.keep(snapshot)
        if layer is not None:
            self._kept.append(layer)
            self._preview.raise_()
            self._refresh()

    # --- the three ends ------------------------------------------------------------------

    def _on_ended(self) -> None:
        job = self._close()
        if job is None:
            return
        self._preview.remove()
        main = self._last[1] if self._last else None
        if job.control.cancelled:  # pressed after the last step was done
            self._sweep()
            self._end("Cancelled; nothing was kept.", None)
            return
        self._view.notes.say("\n".join(main.notes) if main is not None else "")
        if main is not None:
            took = main.provenance.get("seconds")
            words = f"{job.plan.main.label} is done"
            words += f" in {duration(float(took))}" if isinstance(took, (int, float)) else ""
            words += ", stopped early." if job.control.stopping else "."
            show_info(f"{words} The result is a new layer.")
        else:
            words = f"Stopped before {job.plan.main.label} had begun; what was finished is kept."
        self._end(words, main)

    def _on_cancelled(self) -> None:
        if self._close() is not None:
            self._sweep()
            self._end("Cancelled; nothing was kept.", None)

    def _on_failed(self, error: BaseException) -> None:
        if self._close() is None:
            return
        self._preview.remove()
        if isinstance(error, InputError):
            words = str(error)
        else:
            log.error("The restoration failed", exc_info=error)
            name = type(error).__name__
            words = f"Something went wrong inside ({name}: {_short(error)}); the log tells more."
        self._view.problem.say(words)
        show_error(words)
        self._end("", None)
        self.failed.emit(words)

    def _close(self) -> Job | None:
        job, self.job = self.job, None
        if job is not None:
            job.deleteLater()
        return job

    def _end(self, words: str, outcome: Restoration | None) -> None:
        self._view.set_state("idle", words)
        self._refresh()
        self.busy.emit(False)
        if not self._view.problem.text():
            self.finished.emit(outcome)

    def _sweep(self) -> None:
        self.side_by_side(False)
        self._preview.remove()
        self._preview.forget_snapshots()
        self._view.set_snapshots([])
        for layer in (*self._layers, *self._kept):
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._layers, self._kept = [], []
        self.restorations, self._last = {}, None

    # --- keeping up with the viewer ------------------------------------------------------

    def _comparable(self) -> list[Image]:
        wanted = [*self._inputs, *self._layers, *self._kept, self._preview.layer]
        return [la for la in wanted if la is not None and la in self._viewer.layers]

    def _refresh(self, *_: object) -> None:
        layers = self._comparable()
        if self._compare.on:
            self.side_by_side(len(layers) > 1)
        self._view.set_results(
            comparable=len(layers) > 1,
            appliable=self.job is None and self._last is not None and self._last[0].is_try,
            savable=bool(self.restorations),
            learned=self.last_learned is not None,
        )

    def _slid(self, *_: object) -> None:
        if self.job is not None:
            self.job.control.plane = self._plane(self.job.plan)

    def _plane(self, plan: Plan) -> int:
        frame = plan.frames[0]
        if "Z" not in frame.axes:
            return 0
        z = frame.to_data(self._viewer.dims.point)[frame.axes.index("Z")]
        return int(min(max(round(float(z)), 0), plan.stack.size("Z") - 1))


def _short(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0][:160] if text else "no message"
