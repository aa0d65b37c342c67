"""How a network is trained."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from ..configured import Configured


class StartFile(Configured):
    """A saved model: where it is, and the SHA-256 of its weights."""

    path: str | None = Field(
        None, title="File", description="As `--save-model` wrote it; none: it was in memory."
    )
    sha256: str | None = Field(
        None, title="SHA-256", description="Of the weights; another model is then refused."
    )


class Training(Configured):
    """How a network is trained; the defaults are what measured best (see docs/performance.md)."""

    #: The budget of an effort in 2D and in 3D, where a step sees ten times as many pixels.
    STEPS: ClassVar[dict[str, tuple[int, int]]] = {
        "quick": (250, 100),
        "balanced": (1500, 500),
        "thorough": (6000, 2000),
    }

    steps: int | None = Field(
        None,
        ge=0,
        le=1_000_000,
        title="Steps",
        description="The most updates of the network; empty to follow the effort. "
        "Training ends earlier when the held-out error no longer falls. "
        "0 applies the model to start from as it is, without training.",
        json_schema_extra={"unit": "steps", "advanced": True},
    )
    patch: tuple[int, ...] | None = Field(
        None,
        title="Training window",
        description="Pixels of the window that is predicted at once, along (Z,) Y, X, without "
        "the border the PSF needs; empty for 80 x 80, or 16 x 48 x 48 in 3D.",
        json_schema_extra={"unit": "pixels", "advanced": True},
    )
    batch: int | None = Field(
        None,
        ge=1,
        le=64,
        title="Windows per step",
        description="Empty for 4 in 2D and 1 in 3D.",
        json_schema_extra={"advanced": True},
    )
    learning_rate: float = Field(
        1e-3,
        gt=0,
        le=1,
        title="Learning rate",
        description="Size of an update; it is halved when the held-out error stalls.",
        json_schema_extra={"advanced": True},
    )
    averaging: float = Field(
        0.99,
        ge=0,
        lt=1,
        title="Weight averaging",
        description="Decay per step of the running mean of the weights that is kept.",
        json_schema_extra={"advanced": True},
    )
    augment: bool = Field(
        True,
        title="Flip and rotate",
        description="Show the windows flipped and turned, where the PSF looks the same so.",
        json_schema_extra={"advanced": True},
    )
    ensemble: bool | None = Field(
        None,
        title="Self-ensemble",
        description="Average the restorations of the flipped and turned image, where the PSF looks "
        "the same so: slightly better, up to 8 times slower to apply (16 in 3D). "
        "Empty for yes if the recording is a single plane of at most 2 megapixels.",
        json_schema_extra={"advanced": True},
    )
    first_guess: Literal["auto", "hessian", "total_variation", "richardson_lucy", "none"] = Field(
        "auto",
        title="First guess",
        description="Under a blur, the classical method whose result the network starts from and "
        "corrects; it is made so that no pixel judges itself. 'auto' is Hessian, but in volumes total "
        "variation where that predicts held-out pixels clearly better; 'none' starts from the recording.",
        json_schema_extra={"advanced": True},
    )
    mixed: bool | None = Field(
        None,
        title="Mix with a classical method",
        description="Without a blur, in planes, mix the network's restoration with that of a classical method (as for "
        "the first guess), such that the estimated error is least. Empty for yes with most.",
        json_schema_extra={"advanced": True},
    )
    start: StartFile | None = Field(
        None,
        title="Start from",
        description="A saved model of an earlier recording whose weights the training starts from.",
        json_schema_extra={"advanced": True},
    )
    select: bool = Field(
        True,
        title="Keep the best weights",
        description="Stop early and keep the weights that predict held-out pixels best; "
        "off, or where SURE, UNSURE, R2R or Noise2Score meet noise that pixels share and no blur, the last "
        "weights are kept, unless the loss falls below what it can be.",
        json_schema_extra={"advanced": True},
    )

    @field_validator("patch")
    @classmethod
    def _at_least_a_pixel(cls, patch: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if patch is not None and (len(patch) > 3 or any(n < 1 for n in patch)):
            raise ValueError("input should be at most three numbers of pixels above 0")
        return patch
