"""What napari finds of us: the manifest, and that every command in it leads somewhere."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import npe2
import numpy as np
import pytest
from npe2 import PluginManifest

from napari_ssi import Recipe, read
from napari_ssi.io import read_recipe
from napari_ssi.psf.source import read_psf, sha256
from napari_ssi.samples import SAMPLES

FILE = Path(__file__).resolve().parents[1] / "napari_ssi" / "napari.yaml"


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_file(FILE)


def test_npe2_accepts_it(manifest: PluginManifest) -> None:
    manifest.validate_imports()
    assert manifest.name == "napari-ssi"


def test_every_command_is_there_and_callable(manifest: PluginManifest) -> None:
    for command in manifest.contributions.commands:
        module, name = command.python_name.split(":")
        assert callable(getattr(importlib.import_module(module), name)), command.id


def test_every_menu_is_one_that_napari_shows(manifest: PluginManifest) -> None:
    from napari._app_model.constants._menus import is_menu_contributable

    assert manifest.contributions.menus
    for menu in manifest.contributions.menus:
        assert is_menu_contributable(menu), menu


def test_every_sample_is_offered_under_its_own_words(manifest: PluginManifest) -> None:
    offered = {s.key: s.display_name for s in manifest.contributions.sample_data}
    assert offered == SAMPLES


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_layers_have_scale_units_and_hidden_truth(name: str) -> None:
    from napari.layers import Layer

    from napari_ssi._qt import contributions

    layers = [Layer.create(*data) for data in getattr(contributions, name)()]
    shown = [layer for layer in layers if layer.visible]
    assert shown
    assert all(layer.data.dtype == "uint16" for layer in shown)
    assert {layer.name.split()[-1] for layer in layers if not layer.visible} == {"truth", "PSF"}
    for layer in layers:
        assert [str(unit) for unit in layer.units[-2:]] == ["micrometer", "micrometer"]
        assert 0.05 < layer.scale[-1] < 0.2
        assert layer.metadata["description"]


def layer_of(metadata: dict[str, Any]) -> Any:
    from napari.layers import Image

    data = np.random.default_rng(0).normal(100, 9, (3, 16, 24)).astype(np.float32)
    return Image(
        data,
        name="cells · SSI",
        scale=(300, 100, 200),
        units=("nm",) * 3,
        axis_labels=("z", "y", "x"),
        metadata=metadata,
    )


def test_napari_saves_a_result_with_its_recipe(tmp_path: Path, npe2pm: Any) -> None:
    psf = np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32)
    source = {"kind": "array", "sha256": sha256(psf)}
    recipe = Recipe.create(physics={"name": "blur", "params": {"psf": source}}, method="ssi")
    kept = {"recipe": recipe.to_json(), "estimates": {"offset": 101.5}, "psf": psf, "axes": "ZYX"}
    layer = layer_of({"napari_ssi": kept})
    target = tmp_path / "result.ome.tif"
    with npe2pm.tmp_plugin(manifest=PluginManifest.from_file(FILE)):
        written = npe2.write(str(target), [layer.as_layer_data_tuple()])
    assert written == [str(target)]
    stack = read(target)
    np.testing.assert_array_equal(stack.data, layer.data)
    assert stack.pixel_size == pytest.approx((0.3, 0.1, 0.2))
    again = read_recipe(target)
    assert again.method == recipe.method
    np.testing.assert_array_equal(read_psf(again.physics.params["psf"]["path"]), psf)


def test_napari_saves_any_other_image(tmp_path: Path) -> None:
    from napari_ssi._qt.contributions import write_image

    layer = layer_of({})
    data, attributes, _ = layer.as_layer_data_tuple()
    assert write_image(str(tmp_path / "a.ome.tif"), data, attributes)
    assert [p.name for p in tmp_path.iterdir()] == ["a.ome.tif"]
    # napari takes a ValueError for "no writer found": the sentence must come as another error.
    with pytest.raises(OSError, match="there is no folder"):
        write_image(str(tmp_path / "no" / "a.ome.tif"), data, attributes)
