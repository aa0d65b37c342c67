"""A model applied as it is: no training, but offset, scale, noise and first guess made anew."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_ssi import Control, ImageStack, InputError, Recipe, Restoration, cost, run, save_model
from napari_ssi.cli import main
from napari_ssi.io import read_recipe
from napari_ssi.quality.psnr import psnr
from napari_ssi.training.model import TrainedModel

PSF = np.outer([1, 2, 1], [1, 2, 1]) / 16.0
SMALL = {"name": "unet", "params": {"channels": 6, "depth": 1}}


def field(seed: int, light: float = 10.0) -> tuple[np.ndarray, ImageStack]:
    """Spots of one kind at other places, and their recording with 100 counts of offset."""
    random = np.random.default_rng(seed)
    x = (0.5 + gaussian_filter((random.random((64, 72)) < 0.02) * 30.0, 2.0)) * light
    return x + 100, ImageStack((random.poisson(x) + 100).astype(np.uint16), "YX")


def recipe(steps: int, method: str = "noise2self", **parts: Any) -> Recipe:
    more = parts.pop("training", {})
    training = {"steps": steps, "patch": (24, 24), "batch": 2, "learning_rate": 5e-3, **more}
    return Recipe.create(**{"method": method, "network": SMALL, "training": training, **parts})


def trained(result: Restoration) -> TrainedModel:
    """Of the first channel."""
    fitted = result.models[0].fitted
    assert isinstance(fitted, TrainedModel)
    return fitted


@pytest.fixture(scope="module")
def learned() -> Restoration:
    return run(recipe(100), field(0)[1])


def test_the_next_field_without_a_step(learned: Restoration) -> None:
    """What ``models`` of the run give, if they are told how the new recording is normalised."""
    truth, stack = field(1, light=15.0)
    result = run(recipe(0), stack, start=learned.models)
    before, after = trained(learned), trained(result)
    assert result.models[0].normalization != learned.models[0].normalization
    given = replace(
        result.models[0], fitted=replace(before, noise=after.noise, mixture=after.mixture)
    )
    expected = run(recipe(100), stack, models=[given])
    np.testing.assert_array_equal(result.image, expected.image)
    for a, b in zip(before.network.parameters(), after.network.parameters(), strict=True):
        assert torch.equal(a, b)
    assert psnr(result.image, truth) > psnr(stack.data.astype(np.float32), truth) + 3
    found = result.estimates
    assert found["steps"] == found["best_step"] == 0
    assert found["held_out"] == found["start_held_out"] > 0
    assert result.history[0]["held_out"] == [found["held_out"]]
    assert result.notes[0] == "Not trained: the start was applied as it is."
    assert result.provenance["ended"] == "Not trained: the start is applied as it is."


def test_the_held_out_error_of_a_start_is_that_of_its_restoration() -> None:
    """By hand: the recording without some pixels, restored, against those pixels."""
    learned = run(recipe(30, training={"ensemble": False}), field(0)[1])
    _, stack = field(1)
    result = run(recipe(0, training={"ensemble": False}), stack, start=learned.models)
    scale, offset = (getattr(result.models[0].normalization, n) for n in ("scale", "offset"))
    y = (stack.data.astype(np.float64) - offset) / scale
    random = np.random.default_rng(5)
    squares = []
    for _ in range(6):
        hidden = random.random(y.shape) < 0.03
        around = gaussian_filter(np.where(hidden, 0, y), 1) / gaussian_filter(1.0 - hidden, 1)
        seen = torch.from_numpy(np.where(hidden, around, y)[None, None].astype(np.float32))
        with torch.no_grad():
            x = trained(result).network(seen)[0, 0].numpy()
        squares += list((x - y)[hidden] ** 2)
    kept = np.sort(squares)[: int(0.98 * len(squares))]
    assert result.estimates["held_out"] == pytest.approx(kept.mean(), rel=0.25)


def test_the_first_guess_is_made_anew_and_corrected() -> None:
    training = {"first_guess": "richardson_lucy", "select": False}  # a step is taken, for sure
    before = run(recipe(20, "ssi", physics="blur", training=training), field(0)[1], psf=PSF)
    _, stack = field(1)
    for select in (True, False):
        now = recipe(0, "ssi", physics="blur", training={**training, "select": select})
        result = run(now, stack, psf=PSF, start=before.models)
        after = result.models[0]
        ours, theirs = trained(result), trained(before)
        assert ours.guess is not theirs.guess is not None
        given = replace(theirs, guess=ours.guess, noise=ours.noise)
        expected = run(now, stack, psf=PSF, models=[replace(after, fitted=given)])
        np.testing.assert_array_equal(result.image, expected.image)
        flat = copy.deepcopy(ours.network)
        flat.shrink(0)
        uncorrected = replace(ours, network=flat)
        guess = run(now, stack, psf=PSF, models=[replace(after, fitted=uncorrected)])
        assert not np.array_equal(result.image, guess.image)
        assert result.estimates["correction"] == 1
        assert result.estimates["held_out"] == result.estimates["start_held_out"] > 0


@pytest.mark.parametrize(
    ("method", "noise"),
    [
        ("r2r", "poisson"),
        ("photon_splitting", "poisson"),
        ("sure", "poisson_gaussian"),
        ("unsure", "independent"),
        ("blind_spot", "independent"),
    ],
)
def test_methods_with_a_way_of_their_own(method: str, noise: str) -> None:
    parts = {"method": method, "noise": noise}
    training = {"steps": 2, "patch": (16, 16), "batch": 1, "ensemble": False}
    first = run(Recipe.create(**parts, training=training), field(0)[1])
    untrained = Recipe.create(**parts, training={**training, "steps": 0})
    result = run(untrained, field(1)[1], start=first.models)
    assert np.isfinite(result.image).all()
    assert result.estimates["steps"] == 0
    assert not any(name.endswith("_upper") for name in result.estimates)


def test_each_channel_has_its_own_or_the_same(learned: Restoration) -> None:
    two = ImageStack(np.stack([field(s)[1].data for s in (1, 2)]), "CYX")
    both = run(recipe(0), two, start=learned.models)
    assert both.estimates["channel 1: held_out"] == both.estimates["channel 1: start_held_out"]
    for channel, seed in enumerate((1, 2)):
        alone = run(recipe(0), field(seed)[1], start=[both.models[channel]])
        np.testing.assert_array_equal(both.image[channel], alone.image)


def test_what_says_nothing_as_it_is_is_refused(learned: Restoration, tmp_path: Path) -> None:
    _, stack = field(1)
    path = save_model(learned, tmp_path / "a.pt")
    for wrong in (run, cost.estimate):
        with pytest.raises(InputError, match=r"training.steps is 0\) there must be a model"):
            wrong(recipe(0), stack)
        for start in (learned.models, path):
            with pytest.raises(InputError, match=r"was learned with .*Noise2Self.* no use to SURE"):
                wrong(recipe(0, "sure", noise="poisson_gaussian"), stack, start=start)
            with pytest.raises(InputError, match="is for 'denoising'"):
                wrong(recipe(0, "ssi", physics="blur"), stack, psf=PSF, start=start)
    for method, noise in (("deep_image_prior", "independent"), ("noise2score", "poisson")):
        first = run(recipe(2, method, noise=noise), field(0)[1])
        with pytest.raises(InputError, match="holds for its own recording only"):
            run(recipe(0, method, noise=noise), stack, start=first.models)
    renamed = run(recipe(0, "noise2void"), stack, start=path)  # the same loss by another name
    assert renamed.estimates["steps"] == 0
    with pytest.raises(InputError, match="greater than or equal to 0"):
        run(recipe(-1), stack)


def test_another_kind_of_network_is_refused_before_any_work(learned: Restoration) -> None:
    volume = ImageStack(np.random.default_rng(0).poisson(30, (6, 20, 20)), "ZYX")
    larger = {"name": "unet", "params": {"channels": 4}}
    with pytest.raises(InputError, match="restores planes"):
        cost.estimate(recipe(0), volume, start=learned.models)
    with pytest.raises(InputError, match="another size"):
        cost.estimate(recipe(0, network=larger), field(1)[1], start=learned.models)
    training = {"first_guess": "none"}
    plain = run(recipe(2, "ssi", physics="blur", training=training), field(0)[1], psf=PSF)
    seen = []
    for wrong in (
        lambda r: cost.estimate(r, field(1)[1], psf=PSF, start=plain.models),
        lambda r: run(r, field(1)[1], psf=PSF, start=plain.models, report=seen.append),
    ):
        with pytest.raises(InputError, match="trained with no first guess"):
            wrong(recipe(0, "ssi", physics="blur"))
    assert {progress.stage for progress in seen} == {"measuring"}


def test_stopped_while_it_is_applied(learned: Restoration) -> None:
    control = Control()
    control.stop()
    _, stack = field(1)
    stopped = run(recipe(0), stack, start=learned.models, control=control)
    np.testing.assert_array_equal(stopped.image, run(recipe(0), stack, start=learned.models).image)


def test_a_folder_of_fields_from_the_command_line(learned: Restoration, tmp_path: Path) -> None:
    """As the guide has it: train on one, apply to the next; and that again from its recipe."""
    model = tmp_path / "one.pt"
    for number in range(2):
        np.save(tmp_path / f"{number}.npy", field(number)[1].data)
    training = [f"training.{key}={value}" for key, value in {"patch": "[24,24]"}.items()]
    small = [*training, "network.channels=8", "network.depth=2"]
    options = ["--axes", "YX", *(word for setting in small for word in ("--set", setting))]

    def restore(number: int, out: str, *more: str) -> int:
        given = ["restore", str(tmp_path / f"{number}.npy"), "-o", str(tmp_path / out)]
        return main([*given, *options, *more])

    assert restore(0, "0.ome.tif", "--set", "training.steps=5", "--save-model", str(model)) == 0
    untrained = ["--start", str(model), "--set", "training.steps=0"]
    assert restore(1, "1.ome.tif", *untrained, "--save-model", str(tmp_path / "two.pt")) == 0
    kept = read_recipe(tmp_path / "1.ome.tif")
    assert kept.training["steps"] == 0
    assert kept.training["start"]["path"] == str(model)
    assert Recipe.from_json(kept.to_json()) == kept
    again = run(kept, field(1)[1])
    assert again.estimates["steps"] == 0
    assert again.recipe.training["start"] == kept.training["start"]
    assert restore(1, "2.ome.tif", "--set", "training.steps=0") != 0
    assert not (tmp_path / "2.ome.tif").exists()
