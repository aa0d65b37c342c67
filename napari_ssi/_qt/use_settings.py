"""“Use the settings of …”: an earlier recipe, from a result or a file, put into the panel's controls."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton, QVBoxLayout, QWidget

from ..errors import InputError
from ..recipe import Recipe
from ..stack import ImageStack
from .differences import differences
from .earlier import Earlier, Result, read_file, saved
from .look import Note, tip
from .sections.blur import BlurSection
from .sections.effort import EffortSection
from .sections.forward import ForwardSection
from .sections.image import ImageSection
from .sections.method import MethodSection
from .sections.noise import NoiseSection
from .worker import Worker, call

if TYPE_CHECKING:
    import napari

log = logging.getLogger("napari_ssi")


class Sections(NamedTuple):
    """The parts of the panel that hold a recipe."""

    image: ImageSection
    blur: BlurSection
    forward: ForwardSection
    noise: NoiseSection
    method: MethodSection
    effort: EffortSection


class UseSettings(QWidget):
    """A button with a menu of the results in the viewer and of files, and what came of it in words.

    It is enabled once the engine is loaded. The recording, its axes and pixel size are left as they are, and so is
    the place of a try, which recipes do not name.

    Signals
    -------
    taken
        The controls show another recipe.
    """

    taken = Signal()

    def __init__(self, viewer: napari.viewer.Viewer, sections: Sections) -> None:
        super().__init__()
        self._viewer, self._sections = viewer, sections
        self._worker: Worker | None = None
        self._folder = ""
        self.button = QPushButton("Use the settings of …")
        self.button.setEnabled(False)
        tip(
            self.button,
            "Set blur, noise, method and training as for an earlier result, from its layer or its file. "
            "The image itself, its axes and pixel size stay as they are.",
        )
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self._menu.aboutToShow.connect(self._list)
        self.button.setMenu(self._menu)
        self.words, self.lacking, self.problem = Note("dim"), Note("warning"), Note("error")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 0, 4, 4)
        layout.setSpacing(4)
        for widget in (self.button, self.words, self.lacking, self.problem):
            layout.addWidget(widget)

    def ready(self) -> None:
        """The engine is loaded."""
        self.button.setEnabled(True)

    def forget(self) -> None:
        """Say no more of what was taken."""
        self._say()

    def use_result(self, result: Result) -> None:
        """Take the settings that a result was made with."""
        self._use(result.name, result.read)

    def use_file(self, path: str | Path) -> None:
        """Take the settings in a file: a recipe, or a saved result."""
        self._use(Path(path).name, partial(read_file, path))

    # --- choosing ------------------------------------------------------------------------

    def _list(self) -> None:
        """The results in the viewer, the latest first; each as it is now, should its layer go."""
        self._menu.clear()
        for layer in reversed(self._viewer.layers):
            use: Callable[[], None]
            if (result := Result.of(layer)) is not None:
                use = partial(self.use_result, result)
            elif (path := saved(layer)) is not None:
                use = partial(self.use_file, path)
            else:
                continue
            # what napari calls a layer may hold what Qt takes for a shortcut
            action = self._menu.addAction(layer.name.replace("&", "&&"))
            action.triggered.connect(lambda *_, use=use: use())
        self._menu.addSeparator()
        action = self._menu.addAction("A file: recipe or restored image …")
        action.triggered.connect(lambda *_: self._ask_file())

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self,
            "Use the settings of a recipe or a restored image",
            self._folder,
            "Recipes and results (*.json *.tif *.tiff);;All files (*)",
        )
        if path:
            self._folder = str(Path(path).parent)
            self.use_file(path)

    # --- reading, away from the window's thread -----------------------------------------------

    def _use(self, name: str, read: Callable[[ImageStack], Earlier]) -> None:
        self._forget_reading()
        try:
            stack = self._sections.image.source().stack
        except InputError as error:
            self._say(problem=f"{error} Then use the settings of {name}.")
            return
        self._say(f"Reading {name} …")
        self._worker = call(lambda: read(stack))
        self._worker.returned.connect(self._read)
        self._worker.errored.connect(self._refused)
        self._worker.start()

    def _forget_reading(self) -> None:
        """What was chosen before no longer counts."""
        if self._worker is not None:
            self._worker.returned.disconnect(self._read)
            self._worker.errored.disconnect(self._refused)
        self._worker = None

    def _refused(self, error: Exception) -> None:
        self._worker = None
        known = isinstance(error, InputError)
        if not known:
            log.error("A recipe could not be read", exc_info=error)
        words = str(error) if known else f"The recipe cannot be read ({type(error).__name__})."
        self._say(problem=f"{words} Nothing was changed.")

    def _read(self, earlier: Earlier) -> None:
        self._worker = None
        try:
            stack = self._sections.image.source().stack
        except InputError as error:  # the recording is gone meanwhile
            self._say(problem=f"{error} Nothing was changed.")
            return
        said = self._take(earlier, stack)
        words = f"The settings of {earlier.name} are set"
        self._say(f"{words}, but:" if said else f"{words}.", "\n".join(said))
        self.taken.emit()

    def _say(self, words: str = "", lacking: str = "", problem: str = "") -> None:
        self.words.say(words)
        self.lacking.say(lacking)
        self.problem.say(problem)

    # --- setting the controls ----------------------------------------------------------------

    def _take(self, earlier: Earlier, stack: ImageStack) -> list[str]:
        """Show the recipe in all controls; sentences on what they do not show as it says."""
        recipe, parts = earlier.recipe, self._sections
        parts.image.set_levels(recipe.levels)
        with QSignalBlocker(parts.method):  # greyed anew with each of these, and told once
            said = parts.forward.take(earlier.links)
            said += parts.blur.take(earlier.blur, earlier.psfs)
            parts.noise.take(recipe.noise)
            parts.method.want(recipe.method[0].name)
        said += parts.effort.take(recipe, parts.method.name, *parts.method.context)
        return [*said, *_unsuited(recipe, stack), *differences(recipe, self._made(), stack.ndim)]

    def _made(self) -> Recipe:
        """The recipe that the panel makes now, without the PSF or mask where one is lacking."""
        parts = self._sections
        physics = parts.blur.bare
        with suppress(InputError):
            physics = parts.blur.value().physics
        with suppress(InputError):
            physics = parts.forward.value(physics)
        return Recipe(
            physics=physics,
            noise=parts.noise.value(),
            levels=parts.image.source().levels,
            **parts.effort.recipe_fields(parts.method.name),
        )


def _unsuited(recipe: Recipe, stack: ImageStack) -> list[str]:
    """Why the method cannot be used on this recording, where it wants two of one scene."""
    from .. import pairing

    try:
        if between := pairing.wanted(recipe):
            pairing.axis(stack, between)
    except InputError as error:
        return [str(error)]
    return []
