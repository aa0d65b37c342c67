"""A viewer with the panel docked, and an engine that does as it is told."""

from __future__ import annotations

import gc
import importlib
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QSettings, QThreadPool

from napari_ssi.events import Control, Progress
from napari_ssi.restoration import Restoration

#: Stands for what a run has learned of a channel.
LEARNED = SimpleNamespace(fitted=SimpleNamespace(estimates={"steps": 6.0}))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in Path(item.fspath).parents:
            item.add_marker("gui")
            item.add_marker(pytest.mark.xdist_group("gui"))  # windows compete for the focus


@pytest.fixture(scope="session", autouse=True)
def _loaded_once() -> Iterator[None]:
    """What every viewer would do again: read all plugins' manifests, and search all modules for garbage.

    A viewer is looked for in the garbage after each test, among what was made since.
    """
    from npe2 import PluginManifest

    importlib.import_module("napari_ssi.cost")  # loads the engine
    found = list(PluginManifest.discover())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PluginManifest, "discover", lambda *args, **options: iter(found))
        gc.collect()
        gc.freeze()
        yield
        gc.unfreeze()


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path) -> None:
    """What the panel remembers is kept apart from the user's."""
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "conf"))


@dataclass
class Engine:
    """Stands in for the pipeline: yields steps with previews until told otherwise.

    ``steps`` and ``errors`` are those of the first, second … method that is run; the
    last one stands for all that follow.
    """

    steps: tuple[int, ...] = (6,)
    errors: tuple[Exception | None, ...] = (None,)
    pause: float = 0.005
    seen: list[Any] = field(default_factory=list)
    planes: list[int] = field(default_factory=list)
    models: tuple[Any, ...] = (LEARNED,)
    starts: list[Any] = field(default_factory=list)

    def iterate(
        self,
        recipe: Any,
        stack: Any,
        *,
        psf: Any = None,
        models: Any = None,
        start: Any = None,
        control: Control,
    ) -> Generator[Progress, None, Restoration]:
        number = len(self.seen)
        steps = self.steps[min(number, len(self.steps) - 1)]
        error = self.errors[min(number, len(self.errors) - 1)]
        self.seen.append((recipe, stack, psf, models))
        self.starts.append(start)
        began = time.monotonic()
        source = np.asarray(stack.data, np.float32)
        yield Progress("measuring", 0, 1)
        for step in range(1, 1 if models else steps + 1):
            control.checkpoint()
            if control.stopping:
                break
            time.sleep(self.pause)
            if error is not None and step > 2:
                raise error
            self.planes.append(control.plane)
            frame = stack.read(stack.frames(0)[0])
            picture = None
            if step in (1, 4) or step % 25 == 0:
                picture = plane_of(frame, control.plane) * 0.5 + step
            values = {"loss": 1 / step, "held_out": 1.1 / step, "best_held_out": 1.1 / step}
            yield Progress(
                "training",
                step,
                steps,
                values | {"best_step": float(step)},
                time.monotonic() - began,
                picture,
                control.plane,
            )
        for tile in range(2):
            control.checkpoint()
            time.sleep(self.pause)
            yield Progress("restoring", tile + 1, 2)
        return Restoration(
            image=source * 0.5,
            source=stack,
            recipe=recipe,
            estimates={"held_out": 0.1},
            notes=("A note.",),
            provenance={"seconds": 1.0},
            models=self.models * stack.n_channels,
            psf=psf,
        )


def plane_of(frame: np.ndarray, z: int) -> np.ndarray:
    """A (Y, X) plane of a frame."""
    return frame[min(z, len(frame) - 1)] if frame.ndim == 3 else frame


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Replaces the pipeline and the estimate."""
    from napari_ssi import cost, pipeline

    fake = Engine()
    monkeypatch.setattr(pipeline, "iterate", fake.iterate)
    quick = SimpleNamespace(seconds=90.0, memory=800_000_000, reason="CPU (a test)", notes=())
    monkeypatch.setattr(cost, "estimate", lambda *a, **k: quick)
    return fake


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any], qtbot: Any) -> Iterator[Any]:
    """A viewer whose workers have ended when the test has."""
    yield make_napari_viewer()
    qtbot.waitUntil(lambda: QThreadPool.globalInstance().activeThreadCount() == 0, timeout=10_000)


@pytest.fixture
def panel(viewer: Any, engine: Engine, qtbot: Any) -> Iterator[Any]:
    """The panel, docked at the width that it is made for."""
    from napari_ssi._qt.restore_panel import WIDTH, RestorePanel

    panel = RestorePanel(viewer)
    viewer.window.add_dock_widget(panel, name="Restore", area="right")
    panel.resize(WIDTH, 650)
    yield panel
    panel.session.abandon()


@pytest.fixture
def cells(viewer: Any) -> Any:
    """A small recording of one plane."""
    data = np.random.default_rng(0).poisson(20, (48, 40)).astype(np.uint16) + 100
    return viewer.add_image(
        data, name="cells", scale=(0.1, 0.1), units=("um", "um"), axis_labels=("y", "x")
    )


@pytest.fixture
def stack(viewer: Any) -> Any:
    """A small z-stack, moved and in nm, to see that results lie where it lies."""
    data = np.random.default_rng(0).poisson(20, (6, 40, 36)).astype(np.uint16)
    return viewer.add_image(
        data,
        name="stack",
        scale=(300, 100, 100),
        translate=(0, 50, 70),
        units=("nm",) * 3,
        axis_labels=("z", "y", "x"),
        colormap="green",
        contrast_limits=(3, 44),
    )
