"""The whole way of the data, with real methods on small recordings."""

from __future__ import annotations

import hashlib

import dask.array as da
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_ssi import (
    Control,
    ImageStack,
    InputError,
    Recipe,
    cost,
    frames,
    pipeline,
    registry,
    run,
)
from napari_ssi.events import Cancelled

#: The last weights: after so few steps the first guess would be kept, and the network not run.
QUICK = {"steps": 4, "patch": (16, 16), "batch": 1, "select": False}
#: The quickest: what the usual one is worth its own tests show.
QUICK["first_guess"] = "richardson_lucy"
PSF = np.outer([1, 2, 1], [1, 3, 1]).astype(float)


def recording(shape=(40, 44), offset=100.0, seed=0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = gaussian_filter((rng.random(shape) > 0.97).astype(float), 1.5)
    x *= 400 / x.max()
    return np.clip(rng.poisson(x) + rng.normal(offset, 2, shape), 0, 65535).astype(np.uint16)


def two_exposures(shape=(40, 44)) -> np.ndarray:
    rng = np.random.default_rng(5)
    x = recording(shape).astype(float) - 95
    return np.stack([rng.poisson(x.clip(0)) + 95 for _ in "ab"]).astype(np.uint16)


def recipe_for(method: str, **parts) -> Recipe:
    entry = registry.methods()[method]
    blur = not entry.physics or "blur" in entry.suits()
    parts.setdefault("training", QUICK)
    needs = entry.noise
    parts.setdefault("noise", needs[0] if needs else "independent")
    return Recipe.create(physics="blur" if blur else "denoising", method=method, **parts)


@pytest.mark.parametrize("method", sorted(registry.methods()))
def test_every_method_restores_in_the_units_of_the_input(method):
    y, axes = recording(), "YX"
    if method == "noise2noise":  # of one scene
        y, axes = two_exposures(), "TYX"
    before = hashlib.sha256(y.tobytes()).hexdigest()
    blur = recipe_for(method).physics.name == "blur"
    stages = []
    result = run(
        recipe_for(method),
        ImageStack(y, axes, (0.1, 0.1)),
        psf=PSF if blur else None,
        report=lambda p: stages.append(p.stage),
    )
    assert hashlib.sha256(y.tobytes()).hexdigest() == before
    assert result.image.dtype == np.float32 and result.image.shape == y.shape
    assert np.isfinite(result.image).all()
    assert result.estimates["offset"] == pytest.approx(100, abs=3)
    if blur:
        assert result.image.min() >= result.estimates["offset"] - 1e-3
    assert "restoring" in stages and ("training" in stages or "tuning" in stages)
    assert Recipe.from_json(result.recipe.to_json()) == result.recipe
    assert result.provenance["seed"] == 0 and result.provenance["seconds"] > 0


@pytest.mark.parametrize("ndim", [2, 3])
# all forward models with all methods: see test_contracts
@pytest.mark.parametrize("physics", ["blur", "denoising"])
@pytest.mark.parametrize("noise", sorted(registry.entries("noise")))
@pytest.mark.parametrize("method", sorted(registry.methods()))
def test_what_the_table_says_is_what_runs(method, noise, physics, ndim):
    refusal = registry.methods()[method].refusal(physics=physics, noise=noise)
    parts = {"method": method, "noise": noise, "physics": physics}
    if refusal:
        with pytest.raises(InputError) as error:
            Recipe.create(**parts)
        assert str(error.value) == refusal
        return
    baseline = method in registry.entries("baseline")
    training = {"steps": 1, "patch": (8, 8), "batch": 1, "first_guess": "richardson_lucy"}
    recipe = Recipe.create(**parts, training={} if baseline else training)
    y = recording((24, 20) if ndim == 2 else (4, 16, 14))
    psf = PSF if ndim == 2 else PSF[None]
    if method == "deep_image_prior" and (physics, ndim) == ("blur", 3):
        psf = np.stack([PSF / 4, PSF, PSF / 4])  # it learns one frame, and planes would be several
    axes = "ZYX"[-ndim:]
    if method == "noise2noise":
        y, axes = two_exposures(y.shape), "T" + axes
    result = run(recipe, ImageStack(y, axes), psf=psf if physics == "blur" else None)
    assert np.isfinite(result.image).all() and result.image.shape == y.shape


@pytest.mark.parametrize("noise", sorted(registry.entries("noise")))
@pytest.mark.parametrize("method", ["sure", "unsure", "r2r"])
def test_cost_where_the_noise_is_yet_to_be_measured(method, noise):
    if registry.methods()[method].refusal(physics="denoising", noise=noise):
        return
    recipe = Recipe.create(method=method, noise=noise, training=QUICK)
    assert cost.estimate(recipe, ImageStack(recording((64, 64)), "YX")).seconds > 0


@pytest.mark.parametrize("axes", ["TYX", "CYX", "TCYX", "ZYX", "YXC"])
def test_axes_come_back_in_place(axes):
    sizes = {"T": 3, "C": 2, "Z": 5, "Y": 24, "X": 30}
    y = recording(tuple(sizes[a] for a in axes))
    result = run(Recipe.create(method="total_variation", physics="denoising"), ImageStack(y, axes))
    assert result.image.shape == y.shape
    assert len(result.models) == (2 if "C" in axes else 1)
    # every pixel is where it was
    assert np.corrcoef(result.image.ravel(), y.ravel())[0, 1] > 0.8


def test_channels_have_their_own_model_and_psf():
    y = np.stack([recording(seed=1), 3 * recording(seed=2)])
    result = run(recipe_for("wiener"), ImageStack(y, "CYX"), psf=[PSF, PSF.T])
    assert result.estimates["channel 1: offset"] == pytest.approx(300, abs=9)
    assert result.psf is not None and np.array_equal(result.psf[1], PSF.T)
    with pytest.raises(InputError, match="one per channel"):
        run(recipe_for("wiener"), ImageStack(y, "CYX"), psf=[PSF, PSF, PSF])


def test_two_dimensional_psf_on_a_stack_goes_slice_by_slice():
    y = recording((6, 30, 32))
    result = run(recipe_for("richardson_lucy"), ImageStack(y, "ZYX"), psf=PSF)
    assert result.image.shape == y.shape
    assert any("slice by slice" in note for note in result.notes)
    iterations = int(result.estimates["iterations"])
    one = run(
        recipe_for("richardson_lucy").with_settings(
            {"method.iterations": str(iterations), "levels.offset": str(result.estimates["offset"])}
        ),
        ImageStack(y[3], "YX"),
        psf=PSF,
    )
    assert np.allclose(one.image, result.image[3], rtol=0.05, atol=5)


def test_lazy_data_is_read_frame_by_frame():
    loads = []

    def load(block_info=None):
        loads.append(block_info)
        return recording((1, 32, 32), seed=len(loads))

    lazy = da.map_blocks(load, dtype=np.uint16, chunks=((1,) * 40, (32,), (32,)))
    loads.clear()
    result = run(recipe_for("noise2self"), ImageStack(lazy, "TYX"))
    assert result.image.shape == (40, 32, 32)
    assert len(loads) < 40 + 16 + frames.SAMPLED_FRAMES + 5


def test_what_was_learned_on_a_region_is_applied_to_all():
    y = recording((60, 60))
    stack = ImageStack(y, "YX")
    recipe = recipe_for("noise2self")
    small = run(recipe, stack.crop([slice(0, 32), slice(0, 32)]))
    stages = []
    whole = run(recipe, stack, models=small.models, report=lambda p: stages.append(p.stage))
    assert "training" not in stages
    assert whole.image.shape == (60, 60)
    # far from the region's edges both agree
    assert np.allclose(whole.image[:8, :8], small.image[:8, :8], rtol=1e-3, atol=0.5)


def test_same_recipe_same_bits():
    stack = ImageStack(recording(), "YX")
    recipe = recipe_for("ssi")
    first, second = (run(recipe, stack, psf=PSF) for _ in range(2))
    assert np.array_equal(first.image, second.image)
    other = run(recipe.model_copy(update={"seed": 1}), stack, psf=PSF)
    assert not np.array_equal(first.image, other.image)


def test_the_offset_given_wins():
    recipe = recipe_for("richardson_lucy", levels={"offset": 90.0})
    result = run(recipe, ImageStack(recording(), "YX"), psf=PSF)
    assert result.estimates["offset"] == 90.0
    assert result.image.min() >= 90.0 - 1e-3


def test_offset_matters_for_the_scale_not_for_the_result():
    """The same photons on two cameras: same image, up to gain and offset."""
    y = recording(offset=100).astype(np.float32)
    a = run(recipe_for("ssi"), ImageStack(y, "YX"), psf=PSF).image
    b = run(recipe_for("ssi"), ImageStack(4 * y + 1000, "YX"), psf=PSF).image
    assert np.allclose(4 * a + 1000, b, rtol=2e-3, atol=2)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (np.full((32, 32), np.nan, np.float32), "NaN"),
        (np.full((32, 32), 7, np.uint8), "constant"),
    ],
)
def test_useless_recordings_are_refused_in_a_sentence(data, words):
    with pytest.raises(InputError, match=words):
        run(recipe_for("noise2self"), ImageStack(data, "YX"))


def test_a_constant_channel_is_named():
    y = np.stack([recording(), np.full((40, 44), 7, np.uint16)])
    with pytest.raises(InputError, match=r"channel 1: .*constant"):
        run(recipe_for("noise2self"), ImageStack(y, "CYX"))


def test_impossible_combinations_are_refused():
    with pytest.raises(InputError, match="SSI needs a forward model that mixes pixels"):
        Recipe.create(physics="denoising", method="ssi")
    with pytest.raises(InputError, match="Blur needs a PSF"):
        run(recipe_for("ssi"), ImageStack(recording(), "YX"))
    model = run(recipe_for("noise2self"), ImageStack(recording(), "YX")).models
    with pytest.raises(InputError, match="covers 1 channel"):
        run(recipe_for("noise2self"), ImageStack(recording((2, 32, 32)), "CYX"), models=model)
    blur = Recipe.create(physics="blur", method="ssi", training={"steps": 2})
    with pytest.raises(InputError, match="train anew"):
        run(blur, ImageStack(recording((32, 32)), "YX"), models=model, psf=np.eye(3))


def test_cancel_raises_and_stop_returns():
    control = Control()
    steps = pipeline.iterate(
        recipe_for("noise2self"), ImageStack(recording(), "YX"), control=control
    )
    next(steps)
    control.cancel()
    with pytest.raises(Cancelled):
        list(steps)
    stopped = Control()
    result = run(
        recipe_for("noise2self", training={**QUICK, "steps": 100_000}),
        ImageStack(recording(), "YX"),
        control=stopped,
        report=lambda p: stopped.stop() if p.step > 5 else None,
    )
    assert "stopped by the user" in result.provenance["ended"]


@pytest.mark.parametrize("method", ["ssi", "richardson_lucy"])
def test_cost_is_measured(method):
    stack = ImageStack(recording((64, 64)), "YX")
    guided = {**QUICK, "first_guess": "hessian"}
    small = cost.estimate(recipe_for(method, training=guided), stack, psf=PSF)
    assert small.seconds > 0 and small.memory > 1e6 and small.device == "cpu"
    assert torch.version.cuda is not None or "CUDA" in small.reason
    if method == "ssi":
        plain = {**QUICK, "first_guess": "none"}
        few = cost.estimate(recipe_for(method, training=plain), stack, psf=PSF)
        more = recipe_for(method, training={**plain, "steps": 4000})
        assert few.seconds < small.seconds
        assert cost.estimate(more, stack, psf=PSF).seconds > 50 * few.seconds


def test_a_channel_that_stop_left_untrained_comes_back_unchanged():
    y = np.stack([recording(seed=1), recording(seed=2)])
    control = Control()
    result = run(
        recipe_for("ssi"),
        ImageStack(y, "CYX"),
        psf=PSF,
        control=control,
        report=lambda p: control.stop() if p.step > 1 else None,
    )
    assert not np.array_equal(result.image[0], y[0])
    assert np.allclose(result.image[1], y[1], atol=1e-2)
    assert "channel 1: Stopped before the first step: the recording is unchanged." in result.notes
    assert all(np.isfinite(v) for v in result.estimates.values())


def test_what_was_learned_on_planes_is_not_applied_to_volumes():
    model = run(recipe_for("noise2self"), ImageStack(recording(), "YX")).models
    with pytest.raises(InputError, match="restores planes, but this recording is of volumes"):
        run(recipe_for("noise2self"), ImageStack(recording((5, 16, 16)), "ZYX"), models=model)


@pytest.mark.parametrize("planes", [1, 2])
def test_very_thin_stacks(planes):
    y = recording((planes, 16, 16))
    assert run(recipe_for("noise2self"), ImageStack(y, "ZYX")).image.shape == y.shape


def test_wrong_parameters_are_refused_before_anything_is_read():
    class Unread:
        shape, dtype = (32, 32), np.dtype("uint16")

        def __getitem__(self, index):
            raise AssertionError("read")

    stack = ImageStack(Unread(), "YX")
    for parts in ({"training": {"foo": 1}}, {"noise": {"name": "independent", "params": {"x": 1}}}):
        with pytest.raises(InputError, match="has no parameter"):
            run(recipe_for("noise2self", **parts), stack)


def test_weights_of_terms_are_relative_to_the_method():
    method = [{"name": "noise2self", "weight": 4.0}, {"name": "bounds", "weight": 2.0}]
    trainer = pipeline.restorer(Recipe.create(physics="denoising", method=method))
    assert [weight for _, weight, _ in trainer.penalties] == [0.5]


def test_the_noise_that_is_found_comes_in_the_units_of_the_recording():
    # from dark to bright: else no gain is sought
    light = np.linspace(2, 200, 96) + np.zeros((96, 1))
    y = np.random.default_rng(0).poisson(light).astype(np.float32)
    training = {"steps": 40, "patch": (16, 16)}
    found = {}
    for times in (1, 10):
        recipe = Recipe.create(method="unsure", noise="poisson_gaussian", training=training)
        found[times] = run(recipe, ImageStack(times * y, "YX"))
    for name in ("sigma_upper", "gain_upper"):
        assert found[10].estimates[name] == pytest.approx(10 * found[1].estimates[name], rel=1e-3)
        assert found[10].history[0][name][-1] == pytest.approx(found[10].estimates[name])
        assert len(set(found[1].history[0][name])) > 1  # it moves


@pytest.mark.parametrize(
    ("offset", "words"),
    [(100.0, None), (145.0, "times the light"), (300.0, "300, on average: the offset is too high")],
)
def test_an_offset_that_is_too_high_shows_in_the_light(offset: float, words: str | None) -> None:
    method = [{"name": "richardson_lucy", "params": {"iterations": 3}}]
    recipe = Recipe.create(physics="blur", method=method, levels={"offset": offset})
    result = run(recipe, ImageStack(recording(), "YX"), psf=PSF)
    told = [note for note in result.notes if "light" in note or "too high" in note]
    assert len(told) == (words is not None) and all(words in note for note in told)
