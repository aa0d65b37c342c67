"""Half-width arithmetic on a GPU, where the hardware has it."""

from __future__ import annotations

import pytest
import torch

from napari_ssi.training.model import precision


@pytest.mark.parametrize("ampere", [True, False])
def test_cards_that_would_only_emulate_bfloat16_train_in_single_precision(
    ampere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before Ampere it is."""
    asked: list[tuple[object, ...]] = []

    def supported(including_emulation: bool = True) -> bool:
        return ampere or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    monkeypatch.setattr(torch, "autocast", lambda *given: asked.append(given))
    precision(torch.device("cuda"), (64, 64), torch.nn.Identity())
    assert asked == ([("cuda", torch.bfloat16)] if ampere else [])
