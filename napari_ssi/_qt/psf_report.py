"""What was found in a PSF: its sections and profiles, a table of widths and voxels, and what to mind."""

from __future__ import annotations

import numpy as np
from qtpy.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from ..psf.inspection import Inspection
from .look import Note, tip
from .profile_plot import ProfilePlot
from .psf_layer import MadePSF
from .psf_view import PsfView

_COLUMNS = {
    "FWHM": "Full width at half maximum of a Gaussian fitted to the core.",
    "limit": "FWHM that the diffraction of a widefield microscope with these optics allows; a dash "
    "where the optics are not known.",
    "voxel": "Size of the voxels.",
    "Nyquist": "The coarsest voxel that loses no detail of a widefield recording with these optics.",
}


class PsfReport(QWidget):
    """Shows a PSF and its inspection."""

    def __init__(self) -> None:
        super().__init__()
        self.name = Note()
        self.name.setStyleSheet("QLabel { font-weight: bold; }")
        # the table has the fitted width, and one that is read off would differ from it a little
        self.view = PsfView(("xy", "xz", "yz"), width=False)
        self.profiles = ProfilePlot()
        self.table = QWidget()
        self._cells: dict[tuple[str, str], QLabel] = {}
        grid = QGridLayout(self.table)
        grid.setContentsMargins(0, 2, 0, 2)
        grid.setVerticalSpacing(1)
        grid.addWidget(QLabel("µm"), 0, 0)
        for column, (name, words) in enumerate(_COLUMNS.items(), start=1):
            head = QLabel(name)
            tip(head, words)
            grid.addWidget(head, 0, column)
            for line, axis in enumerate("xyz", start=1):
                cell = self._cells[axis, name] = QLabel()
                tip(cell, words)
                grid.addWidget(cell, line, column)
        self._axes = {axis: QLabel(axis) for axis in "xyz"}
        for line, label in enumerate(self._axes.values(), start=1):
            grid.addWidget(label, line, 0)
        grid.setColumnStretch(5, 1)
        self.figures = Note()
        self.said = Note()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self.name, self.view, self.profiles, self.table, self.figures, self.said):
            layout.addWidget(widget)

    def show_psf(self, made: MadePSF) -> None:
        """Show a PSF that was made or inspected."""
        found = made.inspection
        self.name.say(made.name)
        self.view.show_kernel(made.kernel, made.voxel_size, found.warnings)
        self.profiles.show_inspection(found)
        self._fill(found)
        off = max(abs(c) for c in found.centre_error)
        self.figures.say(
            f"Asymmetry {found.asymmetry:.1%}; off the middle by {off:.2f} pixels; "
            f"{found.outside:.1%} of its light outside of what a restoration uses."
        )
        self.said.say("\n".join([*made.notes, *found.repairs]))

    def _fill(self, found: Inspection) -> None:
        unknown = (float("nan"),) * len(found.shape)
        columns = {
            "FWHM": found.fwhm,
            "limit": found.diffraction or unknown,
            "voxel": found.voxel_size,
            "Nyquist": found.nyquist or unknown,
        }
        names = "zyx"[-len(found.shape) :]
        for axis, label in self._axes.items():
            label.setVisible(axis in names)
            for name, values in columns.items():
                cell = self._cells[axis, name]
                cell.setVisible(axis in names)
                if axis in names:
                    value = values[names.index(axis)]
                    cell.setText("–" if np.isnan(value) else f"{value:.3g}")
