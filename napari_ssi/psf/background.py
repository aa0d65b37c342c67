"""What in the picture of a bead is not the bead: camera offset, noise, other beads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, label, uniform_filter

#: A flat level that makes up more than this share of a PSF's weight is worth a word.
SHARE = 0.05
#: A rim whose dark end (5th percentile) is above this share of its median is flat: a background.
#: Out-of-focus light is uneven; in computed widefield PSFs the share is about 0.2 to 0.35.
FLAT = 0.6
#: Share of the light around the bead that must be noise for it to be set to 0.
NOISY = 0.2
#: Smaller PSFs have no rim from which a background could be told.
MIN_SIZE = 7


def background_level(psf: NDArray[np.floating]) -> float:
    """The level on which a bead stands: the dark end of the picture's rim.

    The 5th percentile of the rim after a 3-pixel mean, empty outer planes left
    out. It is taken low because out-of-focus light reaches the rim, too.
    """
    return _rim_levels(psf)[0]


def background_notes(psf: NDArray[np.floating]) -> list[str]:
    """A sentence if a flat background makes up much of the PSF's weight."""
    if min(psf.shape) < MIN_SIZE:
        return []
    level, median = _rim_levels(psf)
    total = float(psf.sum())
    share = level * psf.size / total if total > 0 else 0.0
    if share <= SHARE or level <= FLAT * median:
        return []
    return [
        f"An even level of {level:.4g} makes up {min(share, 1):.0%} of the PSF's weight: if the PSF "
        "is a recorded bead, this is background and spoils the result; tick “subtract background”."
    ]


def without_background(psf: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[str]]:
    """The bead alone: the level subtracted, and noise and other beads set to 0.

    The bead is what is connected with its peak and stands out of the rim, after a
    3-pixel mean, by four standard deviations of the rim, and 2 pixels around it:
    the noise left over in a large picture would outweigh the bead. Where what lies
    outside is light rather than noise (a computed PSF, the skirt of an average of
    many beads), nothing is set to 0. Returns it with sentences on what was done; negative
    values may remain.
    """
    level, median = _rim_levels(psf)
    above = psf - level
    notes = [
        f"PSF background of {level:.4g} subtracted."
        if level
        else "No background found under the PSF."
    ]
    if 0 <= level <= FLAT * median:
        return above, notes
    bead = standing_out(psf, level)
    if bead is None:
        return above, notes
    light = np.maximum(above, 0)
    outside = float(light[~bead].sum() / light.sum())
    if outside > 0.001:
        notes.append(f"Noise and other beads around the PSF ({outside:.1%} of the light) set to 0.")
    return np.where(bead, above, 0.0), notes


def standing_out(psf: NDArray[np.float64], level: float) -> NDArray[np.bool_] | None:
    """The pixels of the bead: see :func:`without_background`.

    None where there is no bead, or where what lies around it is light rather than
    noise above ``level``, and so should stay.
    """
    smooth, rim = _smooth_rim(psf)
    median = float(np.median(smooth[rim]))
    spread = 1.4826 * float(np.median(np.abs(smooth[rim] - median)))
    # The brightest place of the smoothed picture: a single hot pixel is not a bead.
    peak = np.unravel_index(int(np.argmax(smooth)), smooth.shape)
    height = float(smooth[peak]) - median
    parts, _ = label(smooth > median + min(4 * spread, 0.5 * height))
    if height <= 0 or not parts[peak]:
        return None
    bead: NDArray[np.bool_] = binary_dilation(parts == parts[peak], iterations=2)
    # What pure noise of this size would leave above the level; a smooth skirt is light.
    noise = 1.4826 * float(np.median(np.abs((psf - smooth)[rim])))
    light = np.maximum(psf - level, 0)[~bead]
    if 0.4 * noise * light.size < NOISY * float(light.sum()):
        return None
    return bead


def _rim_levels(psf: NDArray[np.floating]) -> tuple[float, float]:
    """5th percentile and median of the rim; 0 for what is nothing beside the peak."""
    dust = 1e-9 * float(np.abs(psf).max())
    used = psf
    for axis in range(psf.ndim):  # padding and registration leave empty outer planes
        along = np.flatnonzero(
            (np.abs(used) > dust).any(tuple(a for a in range(psf.ndim) if a != axis))
        )
        used = used[(slice(None),) * axis + (slice(along[0], along[-1] + 1),)]
    smooth, rim = _smooth_rim(used)
    dark, median = np.percentile(smooth[rim], (5, 50))
    return (float(dark) if abs(dark) > dust else 0.0, float(median))


def _smooth_rim(psf: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The picture after a 3-pixel mean, and which of its pixels are outermost."""
    smooth = uniform_filter(
        psf.astype(np.float64), [3 if n >= MIN_SIZE else 1 for n in psf.shape], mode="nearest"
    )
    rim = np.ones(psf.shape, bool)
    rim[tuple(slice(1, -1) if n > 2 else slice(None) for n in psf.shape)] = False
    return smooth, rim if rim.any() else np.ones(psf.shape, bool)
