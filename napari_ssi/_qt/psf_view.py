"""The PSF in pictures, its width, and what was found wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ..psf.measure import fwhm
from .look import Note

#: Side of a picture, in pixels of the screen.
SIDE = 100
#: The picture ends where the PSF is fainter than this, against its peak: its root is nearly black.
FAINT = 0.003


class PsfView(QWidget):
    """Sections through the peak, equally scaled in µm, and the FWHM.

    Parameters
    ----------
    sections
        Of ``xy``, ``xz`` and ``yz``; the first alone where the PSF is 2D.
    width
        Whether the FWHM and the number of pixels are said below the pictures.
    """

    def __init__(self, sections: Sequence[str] = ("xy", "xz"), *, width: bool = True) -> None:
        super().__init__()
        self._says_width = width
        self._sections = {name: QLabel() for name in sections}
        self._width = Note()
        self._notes = Note("warning")
        pictures = QHBoxLayout()
        pictures.setSpacing(10)
        for name, picture in self._sections.items():
            column = QVBoxLayout()
            column.setSpacing(1)
            caption = QLabel(name)
            caption.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            picture.setFixedSize(SIDE, SIDE)
            picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
            picture.setStyleSheet("QLabel { background-color: black; }")
            picture.setAccessibleName(f"PSF, {name} section")
            picture.setToolTip(
                f"<qt>The {name} section through the PSF's peak; brightness is the "
                "square root of intensity, to show the faint rings.</qt>"
            )
            column.addWidget(picture)
            column.addWidget(caption)
            pictures.addLayout(column)
            picture.caption = caption
        pictures.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(pictures)
        layout.addWidget(self._width)
        layout.addWidget(self._notes)

    def show_kernel(
        self, kernel: NDArray[np.floating], pixel_size: Sequence[float] | None, notes: Sequence[str]
    ) -> None:
        """Show a prepared kernel, (Y, X) or (Z, Y, X), with pixels of ``pixel_size`` µm."""
        size = tuple(pixel_size or (1.0,) * kernel.ndim)[-kernel.ndim :]
        lit = _lit(kernel)
        peak = np.unravel_index(int(np.argmax(lit)), lit.shape)
        extent = max(n * s for n, s in zip(lit.shape, size, strict=True))
        planes = {"xy": (lit[peak[0]] if kernel.ndim == 3 else lit, size[-2:])}
        if kernel.ndim == 3:
            planes["xz"] = lit[:, peak[1]], (size[0], size[2])
            planes["yz"] = lit[:, :, peak[2]], (size[0], size[1])
        for name, picture in self._sections.items():
            picture.setVisible(name in planes)
            picture.caption.setVisible(name in planes)
            if name in planes:
                self._draw(picture, *planes[name], extent)
        self._notes.say("\n".join(notes))
        if self._says_width:
            self._say_width(kernel, size, "µm" if pixel_size else "pixels")

    def _say_width(self, kernel: NDArray[np.floating], size: Sequence[float], unit: str) -> None:
        widths = ["?" if np.isnan(w) else f"{w:.3g}" for w in reversed(fwhm(kernel, size))]
        grid = " x ".join(str(n) for n in reversed(kernel.shape))
        self._width.say(f"FWHM {' x '.join(widths)} {unit} ({'xyz'[: kernel.ndim]}), {grid} pixels")

    def _draw(
        self, label: QLabel, plane: NDArray[np.floating], size: Sequence[float], extent: float
    ) -> None:
        grey = np.sqrt(np.clip(plane / plane.max(), 0, 1))
        grey = np.ascontiguousarray((255 * grey).astype(np.uint8))
        height, width = grey.shape
        image = QImage(grey.tobytes(), width, height, width, QImage.Format.Format_Grayscale8)
        tall, wide = (
            max(1, round(SIDE * n * s / extent)) for n, s in zip(grey.shape, size, strict=True)
        )
        label.setPixmap(
            QPixmap.fromImage(image.copy()).scaled(
                wide,
                tall,
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.FastTransformation,
            )
        )


def _lit(kernel: NDArray[np.floating]) -> NDArray[np.floating]:
    """The part about the peak that can be seen in the picture, a few pixels at least."""
    bright = np.argwhere(kernel >= FAINT * kernel.max())
    peak = np.array(np.unravel_index(int(np.argmax(kernel)), kernel.shape))
    reach = np.maximum(np.abs(bright - peak).max(0), 4)
    return kernel[tuple(slice(max(0, p - r), p + r + 1) for p, r in zip(peak, reach, strict=True))]
