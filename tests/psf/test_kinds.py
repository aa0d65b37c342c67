"""Confocal, two-photon, light-sheet and spinning-disk PSFs, and aberrations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_ssi.errors import InputError
from napari_ssi.psf.channels import for_channels
from napari_ssi.psf.confocal import ConfocalPSF
from napari_ssi.psf.light_sheet import LightSheetPSF
from napari_ssi.psf.measure import fwhm
from napari_ssi.psf.objectives import OBJECTIVES, objective
from napari_ssi.psf.source import THEORY, load, make_source
from napari_ssi.psf.spinning_disk import SpinningDiskPSF
from napari_ssi.psf.two_photon import TwoPhotonPSF
from napari_ssi.psf.widefield import WidefieldPSF
from napari_ssi.psf.zernike import noll, wavefront

LENS = {"numerical_aperture": 1.2, "immersion_index": 1.33}
BOTH = {**LENS, "excitation_wavelength": 0.488, "emission_wavelength": 0.52}
GRID = (0.2, 0.06, 0.06), (11, 25, 25)
MINIMAL: dict[str, dict[str, Any]] = {
    "widefield": {**LENS, "emission_wavelength": 0.52},
    "confocal": BOTH,
    "spinning_disk": {**BOTH, "magnification": 60},
    "two_photon": {**LENS, "excitation_wavelength": 0.9},
    "light_sheet": {**LENS, "emission_wavelength": 0.52, "sheet_thickness": 1.0},
}


def peaked(array: np.ndarray) -> np.ndarray:
    return array.astype(float) / array.max()


def light(wavelength: float, **more: Any) -> np.ndarray:
    """The intensity in the middle of each pixel, on the grid."""
    source = WidefieldPSF(**LENS, emission_wavelength=wavelength, pixel_integration=False, **more)
    return source.compute(*GRID).astype(float)


@pytest.mark.parametrize("kind", sorted(THEORY))
def test_every_kind_is_a_source_in_2d_and_3d(kind: str) -> None:
    source = make_source({"kind": kind, **MINIMAL[kind]})
    assert make_source(source.model_dump(mode="json")) == source
    plane, stack = load(source, (0.08, 0.08)), load(source, (0.3, 0.08, 0.08))
    assert (plane.ndim, stack.ndim) == (2, 3)
    for psf in (plane, stack):
        assert all(n % 2 for n in psf.shape)
        assert float(psf.sum()) == pytest.approx(1, abs=1e-4)
        assert np.unravel_index(int(psf.argmax()), psf.shape) == tuple(n // 2 for n in psf.shape)
        np.testing.assert_allclose(psf, np.flip(psf, (-1, -2)), atol=1e-5 * psf.max())
    for name, field in THEORY[kind].model_fields.items():
        if name != "kind":
            assert field.title, name
            assert field.description, name
            assert "unit" in (field.json_schema_extra or {}), name  # type: ignore[operator]


def test_a_small_pinhole_at_equal_wavelengths_narrows_by_139() -> None:
    same = {**LENS, "numerical_aperture": 0.5, "emission_wavelength": 0.5, "model": "scalar"}
    size, shape = (0.04, 0.04), (61, 61)
    wide = WidefieldPSF(**same, pixel_integration=False).compute(size, shape)
    narrow = ConfocalPSF(**same, excitation_wavelength=0.5, pinhole=0.02).compute(size, shape)
    assert fwhm(wide, size)[0] / fwhm(narrow, size)[0] == pytest.approx(1.39, rel=0.02)
    np.testing.assert_allclose(peaked(narrow), peaked(wide) ** 2, atol=2e-4)


def test_the_pinhole_goes_from_the_product_to_excitation_alone() -> None:
    excitation, emission = light(0.488), light(0.52)
    closed, open_ = (ConfocalPSF(**BOTH, pinhole=p).compute(*GRID) for p in (0.02, 10.0))
    np.testing.assert_allclose(peaked(closed), peaked(excitation * emission), atol=2e-4)
    focal = peaked(open_)[5], peaked(excitation)[5]
    np.testing.assert_allclose(*focal, atol=0.01)
    sizes = [fwhm(ConfocalPSF(**BOTH, pinhole=p).compute(*GRID), GRID[0])[1] for p in (0.1, 1, 3)]
    assert sizes == sorted(sizes)


def test_a_pinhole_is_a_disc_by_brute_force() -> None:
    fine = 0.01
    source = WidefieldPSF(**LENS, emission_wavelength=0.52, pixel_integration=False)
    emission = source.compute((fine, fine), (241, 241)).astype(float)
    radius = 0.61 * 0.52 / 1.2
    y, x = np.indices((61, 61)) - 30
    disc = (np.hypot(y, x) * fine <= radius).astype(float)
    middle = [(emission[90:151, 90 + s : 151 + s] * disc).sum() for s in (0, 12, 24, 48)]
    confocal = ConfocalPSF(**BOTH).compute((fine, fine), (241, 241))
    excitation = WidefieldPSF(**LENS, emission_wavelength=0.488, pixel_integration=False)
    detection = confocal / excitation.compute((fine, fine), (241, 241))
    ours = np.array([detection[120, 120 + s] for s in (0, 12, 24, 48)])
    np.testing.assert_allclose(ours / ours[0], np.array(middle) / middle[0], atol=0.01)


def test_two_photons_square_the_excitation() -> None:
    psf = TwoPhotonPSF(**LENS, excitation_wavelength=0.9).compute(*GRID)
    np.testing.assert_allclose(peaked(psf), peaked(light(0.9)) ** 2, atol=1e-4)


def test_a_sheet_multiplies_by_a_gaussian() -> None:
    sheet = LightSheetPSF(
        **LENS, emission_wavelength=0.52, sheet_thickness=0.8, pixel_integration=False
    )
    z = (np.arange(11) - 5) * 0.2
    gaussian = np.exp(-4 * np.log(2) * (z / 0.8) ** 2)[:, None, None]
    np.testing.assert_allclose(
        peaked(sheet.compute(*GRID)), peaked(light(0.52) * gaussian), atol=1e-5
    )
    beam = LightSheetPSF(
        **LENS, emission_wavelength=0.52, sheet_aperture=0.1, excitation_wavelength=0.488
    )
    assert beam.thickness == pytest.approx(0.488 / (np.pi * 0.1) * np.sqrt(2 * np.log(2)))


def test_a_disk_with_small_far_pinholes_is_confocal_and_crosstalk_grows_out_of_focus() -> None:
    lonely = SpinningDiskPSF(
        **BOTH, magnification=250, pinhole_diameter=5, pinhole_spacing=5000, pixel_integration=False
    ).compute(*GRID)
    np.testing.assert_allclose(peaked(lonely), peaked(light(0.488) * light(0.52)), atol=2e-3)
    crowded = SpinningDiskPSF(**BOTH, magnification=60).compute(*GRID)
    dense = SpinningDiskPSF(**BOTH, magnification=60, pinhole_spacing=100).compute(*GRID)
    for psf, other in ((crowded, lonely), (dense, crowded)):
        assert psf[0].sum() / psf[5].sum() > other[0].sum() / other[5].sum()


# --- aberrations --------------------------------------------------------------------------


def test_zernike_polynomials_are_orthonormal_in_nolls_order() -> None:
    assert [noll(j) for j in range(1, 12)] == [
        (0, 0), (1, 1), (1, -1), (2, 0), (2, -2), (2, 2), (3, -1), (3, 1), (3, -3), (3, 3), (4, 0)
    ]  # fmt: skip
    x, w = np.polynomial.legendre.leggauss(24)
    rho, phi = np.sqrt((x + 1) / 2)[:, None], 2 * np.pi * np.arange(48) / 48
    modes = np.array([wavefront({j: 1.0}, rho, phi) for j in range(1, 22)])
    gram = np.einsum("arp,brp,r->ab", modes, modes, w / 2) / 48
    np.testing.assert_allclose(gram, np.eye(21), atol=1e-12)


@pytest.mark.parametrize("kind", ["widefield", "confocal"])
def test_no_aberration_is_no_change_by_either_way(kind: str) -> None:
    plain = make_source({"kind": kind, **MINIMAL[kind]})
    zero = make_source({"kind": kind, **MINIMAL[kind], "zernike": {4: 0.0, 8: 0.0}})
    tiny = make_source({"kind": kind, **MINIMAL[kind], "zernike": {8: 1e-5}})
    np.testing.assert_array_equal(load(plain, GRID[0]), load(zero, GRID[0]))
    around = tiny.compute(*GRID)  # type: ignore[union-attr]
    np.testing.assert_allclose(
        peaked(around),
        peaked(plain.compute(*GRID)),  # type: ignore[union-attr]
        atol=2e-4,
    )


def test_defocus_shifts_the_focus() -> None:
    lens = {"numerical_aperture": 0.4, "immersion_index": 1.0, "emission_wavelength": 0.5}
    source = WidefieldPSF(**lens, model="scalar", zernike={4: 0.3})
    pixels, shape = (0.1, 0.2, 0.2), (161, 9, 9)
    where = int(source.compute(pixels, shape, paraxial=True)[:, 4, 4].argmax()) - 80
    # W = 0.3 √3 (2 ρ² - 1) waves is undone by k z (1 - √(1 - s²)), nearly k z NA² ρ² / 2
    assert abs(where) * 0.1 == pytest.approx(0.3 * np.sqrt(3) * 4 * 0.5 / 0.4**2, rel=0.06)
    centred = source.compute(pixels, shape)
    assert abs(int(centred[:, 4, 4].argmax()) - 80) <= 1


@pytest.mark.parametrize("index", [6, 8, 11])
def test_strehls_ratio_follows_the_root_mean_square(index: int) -> None:
    lens = {"numerical_aperture": 0.3, "immersion_index": 1.0, "emission_wavelength": 0.5}
    flat, bent = (
        WidefieldPSF(**lens, model="scalar", pixel_integration=False, zernike=z)
        for z in ({}, {index: 0.05})
    )
    # the brightest point, which coma moves; in the plane of the paraxial focus
    size, shape = (0.05, 0.05), (201, 201)
    a, b = (s.compute(size, shape, paraxial=True) for s in (flat, bent))
    middle = float(b[100, 100] / a[100, 100])
    assert middle == pytest.approx(np.exp(-((2 * np.pi * 0.05) ** 2)), rel=0.02)


def test_coma_and_astigmatism_look_like_themselves_by_brute_force() -> None:
    lens = {"numerical_aperture": 0.4, "immersion_index": 1.0, "emission_wavelength": 0.5}
    coefficients = {6: 0.1, 7: 0.12, 8: -0.07}
    source = WidefieldPSF(**lens, model="scalar", pixel_integration=False, zernike=coefficients)
    ours = source.compute((0.2, 0.2), (33, 33), paraxial=True)
    # the pupil in Cartesian coordinates, transformed directly
    u = (np.arange(400) - 199.5) / 200
    v, u = np.meshgrid(u, u, indexing="ij")
    rho, phi = np.hypot(u, v), np.arctan2(v, u)
    pupil = (rho <= 1) * np.exp(2j * np.pi * wavefront(coefficients, rho, phi))
    place = (np.arange(33) - 16) * 0.2 * 0.4 / 0.5
    turn = np.exp(2j * np.pi * np.outer(place, u[0]))
    expected = np.abs(turn @ pupil @ turn.T) ** 2
    np.testing.assert_allclose(peaked(ours), peaked(expected), atol=5e-3)


# --- given by the user --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"numerical_aperture": 1.4}, "must be below the immersion index"),
        ({"emission_wavelength": 520}, "less than or equal to 2"),
        ({"zernike": {1: 0.1}}, "from 2 to 66"),
        ({"zernike": {5: 9.0}}, "within ±2 waves"),
        ({"aperture": 1.0}, "no parameter 'aperture'; choose one of: numerical_aperture"),
        ({"kind": "sted"}, "no PSF of kind 'sted'"),
        ({"kind": "light_sheet"}, "either its thickness"),
    ],
)
def test_faults_are_sentences(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make_source({"kind": "widefield", **MINIMAL["widefield"], **change})


def test_one_source_per_channel() -> None:
    sources = for_channels(ConfocalPSF(**BOTH), [0.45, 0.6], [0.405, 0.561])
    assert [s.emission_wavelength for s in sources] == [0.45, 0.6]
    assert [s.excitation_wavelength for s in sources] == [0.405, 0.561]
    assert all(s.numerical_aperture == 1.2 for s in sources)
    with pytest.raises(InputError, match="2 for emission and 1 for excitation"):
        for_channels(ConfocalPSF(**BOTH), [0.45, 0.6], [0.405])


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_preset_is_possible(name: str) -> None:
    preset = objective(name.upper())
    assert name.startswith(f"{preset.magnification:g}x/{preset.numerical_aperture:.3g}"[:5])
    WidefieldPSF(**preset.params(), emission_wavelength=0.52)
