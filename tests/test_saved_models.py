"""A model in a file: plain data, there whole, and the start of another training."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_ssi import Control, ImageStack, InputError, Recipe, Restoration, run, save_model
from napari_ssi.cli import main
from napari_ssi.events import Progress
from napari_ssi.saved_models import load_starts
from napari_ssi.training.start import sha256

PSF = np.outer([1, 2, 1], [1, 2, 1]).astype(float)


def recording(seed: int = 0, shape: tuple[int, ...] = (32, 36)) -> ImageStack:
    y = np.random.default_rng(seed).poisson(30, shape).astype(np.uint16)
    return ImageStack(y, "TCYX"[-len(shape) :])


def recipe(steps: int = 3, method: str = "noise2self", **parts: object) -> Recipe:
    training = {"steps": steps, "patch": (16, 16), "batch": 1}
    return Recipe.create(**{"method": method, "training": training, **parts})


@pytest.fixture(scope="module")
def learned() -> Restoration:
    return run(recipe(), recording())


def test_what_is_in_the_file_is_what_was_learned(learned: Restoration, tmp_path: Path) -> None:
    path = save_model(learned, tmp_path / "a.pt")
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]
    (start,), theirs = load_starts(path)
    assert theirs == learned.recipe
    state = learned.models[0].fitted.network.state_dict()  # type: ignore[attr-defined]
    assert start.weights.keys() == state.keys()
    assert all(torch.equal(start.weights[n], state[n]) for n in state)
    content = torch.load(path, weights_only=True)["channels"][0]
    assert content["normalization"]["scale"] == learned.models[0].normalization.scale
    assert content["levels"]["offset"] == learned.estimates["offset"]


def test_no_step_from_a_start_is_the_earlier_model(learned: Restoration, tmp_path: Path) -> None:
    """Stopped before the first step, on the same recording: the same image."""
    path = save_model(learned, tmp_path / "a.pt")
    control = Control()
    control.stop()
    again = run(recipe(), recording(), start=path, control=control)
    np.testing.assert_array_equal(again.image, learned.image)
    assert again.estimates["steps"] == 0 and "start_held_out" in again.estimates
    assert again.recipe.training["start"] == {
        "path": str(path.resolve()),
        "sha256": sha256(load_starts(path)[0]),
    }
    memory = run(recipe(), recording(), start=learned.models, control=control)
    np.testing.assert_array_equal(memory.image, learned.image)
    kept = memory.recipe.training["start"]
    assert kept == {"sha256": again.recipe.training["start"]["sha256"]}


@pytest.mark.parametrize(
    ("method", "physics", "guided"),
    [
        ("ssi", {"name": "downsampling"}, True),
        ("noise2self", {"name": "inpainting", "params": {"single": True}}, False),
    ],
)
def test_a_finer_grid_and_unusable_pixels(method: str, physics: dict, guided: bool) -> None:
    """The start is the earlier model there too, its correction of the first guess included."""
    stack = recording()
    stack.data[9, 9] = 4000
    training = {"steps": 6, "patch": (16, 16), "batch": 1, "select": False}
    training["first_guess"] = "richardson_lucy"  # the quickest
    of = recipe(method=method, physics=physics, training=training)
    before = run(of, stack)
    assert (before.models[0].fitted.guess is not None) == guided  # type: ignore[attr-defined]
    control = Control()

    def no_step(p: Progress) -> None:  # the first guess is to be the same
        if p.stage == "training" and p.step == 0:
            control.stop()

    again = run(of, stack, start=before.models, control=control, report=no_step)
    assert again.estimates["best_step"] == 0
    control = Control()
    fresh = run(of, stack, control=control, report=no_step)
    assert not np.array_equal(again.image, fresh.image)
    network = before.models[0].fitted.network  # type: ignore[attr-defined]
    theirs = again.models[0].fitted.network  # type: ignore[attr-defined]
    assert all(
        torch.equal(a, b) for a, b in zip(network.parameters(), theirs.parameters(), strict=True)
    )
    np.testing.assert_allclose(again.image, before.image, rtol=1e-4)


def test_the_recipe_alone_repeats_it(learned: Restoration, tmp_path: Path) -> None:
    path = save_model(learned, tmp_path / "a.pt")
    once = run(recipe(), recording(1), start=path)
    again = run(Recipe.from_json(once.recipe.to_json()), recording(1))
    np.testing.assert_array_equal(once.image, again.image)
    scratch = run(recipe(), recording(1))
    weights = [next(r.models[0].fitted.network.parameters()) for r in (once, scratch)]  # type: ignore[attr-defined]
    assert not torch.equal(*weights)
    save_model(scratch, path)  # another model under the same name
    with pytest.raises(InputError, match="not the model that the recipe names"):
        run(once.recipe, recording(1))
    memory = run(recipe(), recording(1), start=learned.models)
    with pytest.raises(InputError, match="was in memory"):
        run(memory.recipe, recording(1))


def test_one_model_serves_all_channels(learned: Restoration) -> None:
    two = run(recipe(), recording(1, (2, 32, 36)), start=learned.models)
    assert all(f"channel {c}: start_held_out" in two.estimates for c in (0, 1))
    with pytest.raises(InputError, match="covers 2 channels"):
        run(recipe(), recording(1, (3, 32, 36)), start=two.models)


def test_what_does_not_fit_is_refused_in_a_sentence(learned: Restoration, tmp_path: Path) -> None:
    path = save_model(learned, tmp_path / "a.pt")
    blurred = recipe(method="ssi", physics="blur")
    for other, words in [
        (recipe(method="wiener", training={}), "classical method"),
        (blurred, "is for 'denoising'"),
        (recipe(method="blind_spot"), "is the network 'unet'"),
        (recipe(network={"name": "unet", "params": {"channels": 8}}), "another size"),
    ]:
        with pytest.raises(InputError, match=words):
            run(other, recording(), psf=PSF if other is blurred else None, start=path)
    volume = ImageStack(np.random.default_rng(0).poisson(30, (6, 20, 20)), "ZYX")
    with pytest.raises(InputError, match="restores planes"):
        run(recipe(), volume, start=path)
    deblurred = run(blurred, recording(), psf=PSF)
    free = blurred.with_settings({"training.first_guess": "none"})
    with pytest.raises(InputError, match="trained with a first guess"):
        run(free, recording(), psf=PSF, start=deblurred.models)
    with pytest.raises(InputError, match="classical method"):
        save_model(run(Recipe.create(method="total_variation"), recording()), tmp_path / "b.pt")
    control = Control()
    control.stop()
    with pytest.raises(InputError, match="before its first step"):
        save_model(run(recipe(), recording(), control=control), tmp_path / "b.pt")
    assert not (tmp_path / "b.pt").exists()


def test_foreign_and_newer_files_are_refused_and_no_code_is_run(
    learned: Restoration, tmp_path: Path
) -> None:
    evil, newer = tmp_path / "evil.pt", tmp_path / "newer.pt"

    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "ran",))

    evil.write_bytes(pickle.dumps(Bomb()))
    content = torch.load(save_model(learned, newer), weights_only=True)
    torch.save({**content, "version": 2}, newer)
    half = tmp_path / "half.pt"
    half.write_bytes(newer.read_bytes()[:2000])
    for path, words in [
        (evil, "not a model"),
        (half, "not a model"),
        (newer, "format version 2"),
        (tmp_path / "none.pt", "There is no model"),
    ]:
        with pytest.raises(InputError, match=words):
            run(recipe(), recording(), start=path)
    assert not (tmp_path / "ran").exists()


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, out, model = tmp_path / "y.npy", tmp_path / "x.ome.tif", tmp_path / "m.pt"
    np.save(image, recording().data)
    quick = ["--axes", "YX", "--set", "training.steps=2"]
    call = ["restore", str(image), "-o", str(out), *quick]
    assert main([*call, "--save-model", str(model)]) == 0
    assert f"Wrote {model}" in capsys.readouterr().out
    assert main([*call, "--start", str(model)]) == 0
    said = json.loads((tmp_path / "x.recipe.json").read_text())["training"]["start"]
    assert said["path"] == str(model)
    for wrong in (["--start", str(image)], ["--method", "wiener", "--save-model", str(model)]):
        assert main([*call, *wrong]) != 0
    assert main([*call, "--start", str(model), "--save-model", str(model)]) != 0


@pytest.mark.slow
def test_the_next_time_point_is_learned_in_a_quarter_of_the_steps() -> None:
    """By the held-out error, on the same held-out pixels; the quarter from scratch does not do."""
    from napari_ssi.samples.vesicles_timelapse import build

    movie = build().stack
    crop = (slice(64, 128), slice(64, 128))
    earlier = replace(movie, data=movie.data[(slice(5), 0, *crop)], axes="TYX")
    now = replace(movie, data=movie.data[(5, 0, *crop)], axes="YX")

    def of(steps: int) -> Recipe:
        small = {"name": "unet", "params": {"channels": 8, "depth": 2}}
        training = {"steps": steps, "patch": (32, 32), "batch": 2}
        return Recipe.create(method="noise2self", network=small, training=training)

    before = run(of(300), earlier)
    tuned, scratch, quarter = (
        run(of(40), now, start=before.models),
        run(of(160), now),
        run(of(40), now),
    )
    assert tuned.estimates["held_out"] <= scratch.estimates["held_out"]
    assert scratch.estimates["held_out"] < quarter.estimates["held_out"]
    assert tuned.estimates["held_out"] < tuned.estimates["start_held_out"]
