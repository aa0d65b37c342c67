"""Where a recipe's PSF comes from, and reading it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tifffile
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, ValidationError

from ..configured import sentence
from ..errors import InputError
from .confocal import ConfocalPSF
from .gaussian import gaussian
from .light_sheet import LightSheetPSF
from .resample import resampled
from .spinning_disk import SpinningDiskPSF
from .theory import TheoryPSF
from .two_photon import TwoPhotonPSF
from .widefield import WidefieldPSF


class FilePSF(BaseModel):
    """A PSF in a file: TIFF or ``.npy``; resampled where its voxels differ from the image's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["file"] = "file"
    path: str = Field(description="Path, absolute or relative to the recipe.")
    sha256: str | None = Field(None, description="Hash of the array, checked when it is read.")
    voxel_size: tuple[PositiveFloat, ...] | None = Field(
        None,
        min_length=2,
        max_length=3,
        description="µm, (Y, X) or (Z, Y, X); what the file states if not given, else the image's.",
    )


class ArrayPSF(BaseModel):
    """A PSF that was handed over in memory, known by its hash alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["array"] = "array"
    sha256: str


class GaussianPSF(BaseModel):
    """A Gaussian by its full width at half maximum in µm, per axis or one for all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["gaussian"] = "gaussian"
    fwhm: tuple[float, ...] = Field(
        min_length=1, max_length=3, description="µm; one value, (Y, X) or (Z, Y, X)."
    )


#: Computed from the optics, by kind.
THEORY: dict[str, type[TheoryPSF]] = {
    "widefield": WidefieldPSF,
    "confocal": ConfocalPSF,
    "spinning_disk": SpinningDiskPSF,
    "two_photon": TwoPhotonPSF,
    "light_sheet": LightSheetPSF,
}

Source = (
    FilePSF
    | ArrayPSF
    | GaussianPSF
    | WidefieldPSF
    | ConfocalPSF
    | SpinningDiskPSF
    | TwoPhotonPSF
    | LightSheetPSF
)
PSFSource = Annotated[Source, Field(discriminator="kind")]


def make_source(params: Mapping[str, Any]) -> Source:
    """The source that a recipe's ``psf`` stands for; a fault is one :class:`InputError` sentence."""
    kinds: dict[str, Any] = {
        "file": FilePSF,
        "array": ArrayPSF,
        "gaussian": GaussianPSF,
        **THEORY,
    }
    kind = str(params.get("kind"))
    if kind not in kinds:
        raise InputError(f"There is no PSF of kind {kind!r}; choose one of: {', '.join(kinds)}.")
    try:
        source: Source = kinds[kind](**params)
    except ValidationError as error:
        fields = [name for name in kinds[kind].model_fields if name != "kind"]
        raise InputError(sentence(error, f"the {kind} PSF", fields)) from None
    return source


def load(
    source: Source, pixel_size: Sequence[float], notes: list[str] | None = None
) -> NDArray[np.floating]:
    """The PSF array that ``source`` stands for, on a grid of ``pixel_size`` (µm per axis).

    Sentences on what was done to it are added to ``notes``.
    """
    if isinstance(source, TheoryPSF):
        return source.compute(pixel_size)
    if isinstance(source, GaussianPSF):
        fwhm = source.fwhm * len(pixel_size) if len(source.fwhm) == 1 else source.fwhm
        return gaussian(fwhm, tuple(pixel_size)[-len(fwhm) :])
    if isinstance(source, ArrayPSF):
        raise InputError(
            "The recipe's PSF was in memory only; hand it over again, or choose its file."
        )
    array = read_psf(source.path)
    if source.sha256 is not None and sha256(array) != source.sha256:
        raise InputError(
            f"The PSF in {source.path} is not the one the recipe was made with; "
            "restore the original file, or choose the PSF again."
        )
    if source.voxel_size is not None:
        array, said = resampled(array, source.voxel_size, pixel_size)
        if notes is not None:
            notes += said
    return array


def read_psf(path: str | Path) -> NDArray[np.floating]:
    """Read a PSF array from a TIFF or ``.npy`` file."""
    path = Path(path)
    try:
        if path.suffix == ".npy":
            return np.asarray(np.load(path, allow_pickle=False))
        return np.asarray(tifffile.imread(path))
    except FileNotFoundError:
        raise InputError(f"There is no PSF file {path}.") from None
    except Exception as error:
        raise InputError(f"The PSF file {path} cannot be read as TIFF or .npy: {error}") from error


def sha256(array: NDArray[np.generic]) -> str:
    """Hash of an array's values, dtype and shape, whatever its memory layout."""
    data = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
    head = f"{data.dtype.str}{data.shape}".encode()
    return hashlib.sha256(head + data.tobytes()).hexdigest()
