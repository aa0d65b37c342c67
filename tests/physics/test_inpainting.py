"""Pixels that say nothing are found, count nowhere, and reach no network."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import torch
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter

from napari_ssi import ImageStack, InputError, Recipe, registry, run
from napari_ssi.physics._mask import PackedMask
from napari_ssi.physics.inpainting import Inpainting


def picture(shape: tuple[int, ...] = (48, 52), seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = gaussian_filter((rng.random(shape) > 0.97).astype(float), 1.5)
    return (100 + 400 * x / x.max() + rng.normal(0, 4, shape)).astype(np.float32)


def marked(y: np.ndarray, **params: object) -> np.ndarray:
    physics = Inpainting(**params)
    physics.bind(y.shape, (0.1,) * y.ndim)
    found = physics.missing(torch.from_numpy(y)[None, None])
    return np.zeros(y.shape, bool) if found is None else found[0, 0].numpy()


def test_dead_and_hot_pixels_are_found_and_nothing_else() -> None:
    y = picture()
    assert marked(y).mean() < 1e-3
    faults = np.zeros(y.shape, bool)
    # away from steep structure, where a fault cannot be told from it
    quiet = np.argwhere(maximum_filter(y, 7) - minimum_filter(y, 7) < 60)
    inside = [at for at in quiet if (at > 3).all() and (at < 44).all()]
    for at, value in zip(inside[:: len(inside) // 4], (900, 0, 1500, -50), strict=False):
        faults[tuple(at)], y[tuple(at)] = True, value
    assert faults.sum() == 4
    np.testing.assert_array_equal(marked(y) & faults, faults)
    assert (marked(y) & ~faults).mean() < 1e-3
    assert not marked(y, single=False).any()


def test_saturated_pixels_are_those_at_the_end_of_the_range() -> None:
    y = np.minimum(picture() * 2, 450)
    np.testing.assert_array_equal(marked(y, single=False), y == 450)
    assert not marked(y, single=False, saturated=False).any()


def test_unmeasured_pixels_are_found_in_each_frame_by_their_value_alone() -> None:
    """In the units of the recording, and in those of the engine."""
    physics = Inpainting(unmeasured=7, single=False, saturated=False)
    physics.bind((48, 52), (0.1, 0.1))
    frames = [picture(seed=seed) for seed in (0, 1)]
    holes = [np.random.default_rng(seed).random((48, 52)) < 0.3 for seed in (2, 3)]
    for scale, offset in ((1.0, 0.0), (313.0, 99.5)):
        physics.calibrate(scale, offset)
        for frame, hole in zip(frames, holes, strict=True):
            y = (np.where(hole, 7, frame).astype(np.float32) - np.float32(offset)) / np.float32(
                scale
            )
            found = physics.missing(torch.from_numpy(y.astype(np.float32))[None, None])
            np.testing.assert_array_equal(found[0, 0].numpy(), hole)


def test_a_blank_plane_is_missing() -> None:
    y = picture((5, 24, 26))
    y[2] = 7
    found = marked(y, single=False)
    assert found[2].all() and not found[[0, 1, 3, 4]].any()


def test_masks_come_from_files_and_recipes(tmp_path) -> None:
    mask = np.random.default_rng(1).random((48, 52)) < 0.3
    packed = PackedMask.of(mask)
    np.testing.assert_array_equal(packed.array(), mask)
    tifffile.imwrite(tmp_path / "mask.tif", mask.astype(np.uint8) * 5)
    for source in (packed, packed.model_dump(), str(tmp_path / "mask.tif")):
        physics = Inpainting.from_params({"mask": source, "single": False, "saturated": False})
        physics.bind((48, 52), (0.1, 0.1))
        found = physics.missing(torch.zeros(1, 1, 48, 52))
        np.testing.assert_array_equal(found[0, 0].numpy(), mask)
    physics.bind((3, 48, 52), (0.3, 0.1, 0.1))  # one plane stands for all
    assert physics.missing(torch.rand(1, 1, 3, 48, 52)).sum() == 3 * mask.sum()
    recipe = Recipe.create(physics={"name": "inpainting", "params": {"mask": packed}})
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_refusals_are_sentences() -> None:
    with pytest.raises(InputError, match="40 x 40 pixels"):
        Inpainting.from_mask(np.eye(40)).bind((48, 52), (0.1, 0.1))
    with pytest.raises(InputError, match="marks every pixel"):
        Inpainting.from_mask(np.ones((8, 8))).bind((8, 8), (0.1, 0.1))
    with pytest.raises(InputError, match="no mask file"):
        Inpainting(mask="nowhere.tif").bind((8, 8), (0.1, 0.1))
    broken = PackedMask(shape=(8, 8), bits="AAAA")
    with pytest.raises(InputError, match="damaged"):
        Inpainting(mask=broken).bind((8, 8), (0.1, 0.1))


METHODS = [
    name
    for name, entry in registry.methods().items()
    if not entry.refusal(physics="inpainting", noise=(entry.noise or ("independent",))[0])
]


@pytest.mark.parametrize("method", METHODS)
def test_no_masked_value_has_any_influence(method: str) -> None:
    """Whatever stands there, the result is the same to the bit."""
    y = picture((32, 36))
    mask = np.random.default_rng(2).random(y.shape) < 0.2
    entry = registry.methods()[method]
    only = {"single": False, "saturated": False, "mask": PackedMask.of(mask)}
    recipe = Recipe.create(
        physics={"name": "inpainting", "params": only},
        noise=(entry.noise or ("independent",))[0],
        method=method,
        training={"steps": 3} if entry.kind == "loss" else {},
    )
    images = []
    for value in (0, 5000):
        spoiled = np.where(mask, np.float32(value), y)
        images.append(run(recipe, ImageStack(spoiled, "YX")).image)
    np.testing.assert_array_equal(*images)


def test_blur_coarse_pixels_and_mask_at_once() -> None:
    """A chain: no masked value has any influence, and the first guess is fine and left out, too."""
    y = picture((28, 30))
    mask = np.random.default_rng(3).random(y.shape) < 0.2
    only = {"single": False, "saturated": False, "mask": PackedMask.of(mask)}
    parts = [
        {"name": "blur", "params": {"psf": {"kind": "gaussian", "fwhm": [0.15]}}},
        {"name": "downsampling", "params": {"factor": [2]}},
        {"name": "inpainting", "params": only},
    ]
    recipe = Recipe.create(
        physics={"name": "compose", "params": {"parts": parts}},
        method="ssi",
        training={"steps": 2, "first_guess": "richardson_lucy"},
    )
    images = []
    for value in (0, 5000):
        spoiled = np.where(mask, np.float32(value), y)
        images.append(run(recipe, ImageStack(spoiled, "YX", (0.1, 0.1))).image)
    assert images[0].shape == (56, 60)
    np.testing.assert_array_equal(*images)


def test_a_mask_inside_a_chain_or_a_saturated_link_is_refused() -> None:
    for parts in (["inpainting", "motion"], ["saturation"], [{"name": "compose"}]):
        physics = registry.find("physics", "compose").build({"parts": parts})
        with pytest.raises(InputError, match=r"come last|choose it alone"):
            physics.bind((16, 16), (0.1, 0.1))


def test_the_noise_is_measured_without_the_missing() -> None:
    y = picture()
    mask = np.random.default_rng(4).random(y.shape) < 0.3
    only = {"single": False, "saturated": False, "mask": PackedMask.of(mask)}
    recipe = Recipe.create(physics={"name": "inpainting", "params": only}, method="hessian")
    result = run(recipe, ImageStack(np.where(mask, np.float32(0), y), "YX"))
    assert result.estimates["offset"] == pytest.approx(100, abs=5)
    assert result.estimates["clipped_low"] == 0
