"""What napari finds of us: the manifest, and that every command in it leads somewhere."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from npe2 import PluginManifest

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
