"""Which pixels of a camera are unusable: read from a file, or packed into the recipe."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from typing import Literal, Self

import numpy as np
import tifffile
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from ..errors import InputError
from ..psf.source import sha256


class FileMask(BaseModel):
    """A mask in a file, known by the hash of what it says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["file"] = "file"
    path: str = Field(description="TIFF or .npy; absolute or relative to the recipe.")
    sha256: str | None = Field(None, description="Hash of the mask, checked when it is read.")

    def array(self) -> NDArray[np.bool_]:
        """The mask, if it is the one that the recipe was made with."""
        mask = read_mask(self.path)
        if self.sha256 is not None and sha256(mask) != self.sha256:
            raise InputError(
                f"The mask in {self.path} is not the one the recipe was made with; "
                "restore the original file, or choose the mask again."
            )
        return mask


class PackedMask(BaseModel):
    """A mask inside the recipe: a bit per pixel, compressed, in base 64."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["bits"] = "bits"
    shape: tuple[int, ...] = Field(description="Pixels along (Z,) Y, X.")
    bits: str = Field(description="numpy.packbits, zlib, base 64.")

    @classmethod
    def of(cls, mask: ArrayLike) -> Self:
        """From an array; what is not zero is unusable, as in a labels layer."""
        array = np.asarray(mask) != 0
        packed = zlib.compress(np.packbits(array).tobytes(), 9)
        return cls(shape=array.shape, bits=base64.b64encode(packed).decode("ascii"))

    def array(self) -> NDArray[np.bool_]:
        """The mask again."""
        count = int(np.prod(self.shape))
        try:
            raw = zlib.decompressobj().decompress(base64.b64decode(self.bits), count // 8 + 1)
            flat = np.unpackbits(np.frombuffer(raw, np.uint8), count=count)
            return flat.astype(bool).reshape(self.shape)
        except (ValueError, zlib.error):
            raise InputError(
                "The mask in the recipe is damaged; choose its file or layer again."
            ) from None


def read_mask(path: str | Path) -> NDArray[np.bool_]:
    """A mask from a TIFF or ``.npy`` file: what is not zero is unusable."""
    path = Path(path)
    try:
        array = (
            np.load(path, allow_pickle=False) if path.suffix == ".npy" else tifffile.imread(path)
        )
    except FileNotFoundError:
        raise InputError(f"There is no mask file {path}.") from None
    except Exception as error:
        raise InputError(f"The mask file {path} cannot be read as TIFF or .npy: {error}") from error
    mask: NDArray[np.bool_] = np.asarray(array) != 0
    return mask


def fitting(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The mask for images of spatial ``shape``; of a stack, one plane stands for all."""
    while mask.ndim > 2 and mask.shape[0] == 1:
        mask = mask[0]
    if mask.shape not in (shape, shape[-2:]):
        raise InputError(
            f"The mask has {' x '.join(map(str, mask.shape))} pixels, and what is restored at once "
            f"{' x '.join(map(str, shape))}; give a mask of the same size, or one plane of it."
        )
    if mask.all():
        raise InputError(
            "The mask marks every pixel as unusable; it marks the bad ones, not the good."
        )
    return np.broadcast_to(mask, shape)
