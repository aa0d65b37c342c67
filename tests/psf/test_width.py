"""What is read off curves of held-out error, on curves whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_ssi.psf.measure import fwhm
from napari_ssi.psf.width import Curve, WidthEstimate

TRIED = tuple(2.0 ** (k / 2) for k in range(10))


def curve(at: float, error: float = 0.5, method: str = "wiener") -> Curve:
    """A parabola of log width about ``at``; the standard error grows with the distance."""
    t = np.log(np.array(TRIED) / at)
    held = 1 + t**2
    best = int(held.argmin())
    excess = held - held[best]
    return Curve(
        method,
        TRIED,
        tuple(held),
        tuple(excess),
        tuple(error * np.abs(t - t[best])),
    )


def estimate(*curves: Curve, **kwargs: object) -> WidthEstimate:
    return WidthEstimate(curves, (0.1, 0.1), **kwargs)  # type: ignore[arg-type]


@pytest.mark.parametrize("at", [3.0, 4.0, 5.1])
def test_the_least_of_a_parabola_is_found_between_the_widths_tried(at: float) -> None:
    assert curve(at).best == pytest.approx(at, rel=1e-9)


def test_the_range_ends_where_the_excess_is_two_standard_errors() -> None:
    # t² = 2 · 0.1 |t| at |t| = 0.2, nearer than the next width tried
    low, high = curve(4.0, error=0.1).range
    assert math.log(high / 4) == pytest.approx(0.2) == -math.log(low / 4)
    # t² = 2 · 0.5 |t| at |t| = 1, between widths: read off a straight line there
    low, high = curve(4.0, error=0.5).range
    assert math.log(high / 4) == pytest.approx(1.0, abs=0.02) == -math.log(low / 4)


def test_the_suggestion_lies_between_both_and_the_range_holds_both() -> None:
    found = estimate(curve(3.0, 0.1), curve(4.5, 0.1, "richardson_lucy"))
    assert found.fwhm == pytest.approx(math.sqrt(3.0 * 4.5))
    assert found.fwhm_um == pytest.approx(0.1 * found.fwhm)
    assert found.range[0] <= 3.0 and found.range[1] >= 4.5
    assert found.told
    assert "3.7 pixels (0.37 µm) FWHM" in found.statement
    assert found.curves[0].distance[0] == pytest.approx(math.log(3.0) / 0.1, rel=0.1)


@pytest.mark.parametrize(
    ("curves", "words"),
    [
        ((curve(1.0, 0.1),), "no blur does as well as any up to"),
        ((curve(22.6, 0.1),), "any width from"),
        ((curve(4.0, 10.0),), "any width that was tried"),
        ((curve(2.5, 0.1), curve(9.0, 0.1)), "widths from"),
    ],
)
def test_what_is_not_told_is_said(curves: tuple[Curve, ...], words: str) -> None:
    found = estimate(*curves)
    assert not found.told
    assert (
        found.statement.startswith("The image cannot tell its PSF: ") and words in found.statement
    )


def test_the_psf_has_the_width_along_every_axis() -> None:
    found = WidthEstimate((curve(4.0),), (0.2, 0.1, 0.1), 3.0)
    assert found.source().fwhm == pytest.approx((1.2, 0.4, 0.4))
    assert fwhm(found.psf(), (0.2, 0.1, 0.1)) == pytest.approx((1.2, 0.4, 0.4), rel=0.03)
    assert found.source(5.0).fwhm == pytest.approx((1.5, 0.5, 0.5))
    assert not found.told and "in stacks this has been wrong" in found.statement
    bare = WidthEstimate((curve(4.0),), None, None)
    assert bare.source().fwhm == pytest.approx((4.0, 4.0)) and "µm" not in bare.statement
    facts = found.facts()
    assert facts["fwhm_pixels"] == pytest.approx(4.0) and facts["curves"][0]["fwhm"] == list(TRIED)
