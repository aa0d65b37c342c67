"""One PSF per channel, from one objective and a list of wavelengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ..errors import InputError
from .theory import TheoryPSF

Kind = TypeVar("Kind", bound=TheoryPSF)


def for_channels(
    source: Kind,
    emission: Sequence[float] | None = None,
    excitation: Sequence[float] | None = None,
) -> list[Kind]:
    """The same optics at other wavelengths, as ``physics.psf`` of a recipe takes them.

    Parameters
    ----------
    source
        A computed PSF of any kind.
    emission, excitation
        µm, one per channel; what is not given stays.

    Raises
    ------
    InputError
        No list, lists of unequal lengths, or a wavelength that this kind does not have.

    Examples
    --------
    >>> from napari_ssi.psf.widefield import WidefieldPSF
    >>> green = WidefieldPSF(numerical_aperture=1.2, immersion_index=1.33, emission_wavelength=0.52)
    >>> [psf.emission_wavelength for psf in for_channels(green, [0.45, 0.52, 0.6])]
    [0.45, 0.52, 0.6]
    """
    given = {"emission_wavelength": emission, "excitation_wavelength": excitation}
    lists = {name: list(values) for name, values in given.items() if values is not None}
    lengths = {len(values) for values in lists.values()}
    if len(lengths) != 1 or lengths == {0}:
        counts = " and ".join(f"{len(v)} for {name.partition('_')[0]}" for name, v in lists.items())
        raise InputError(
            "Give one wavelength (µm) per channel, as many for excitation as for emission; got "
            f"{counts or 'none'}."
        )
    known = source.model_dump(exclude_unset=True)
    kind = type(source)
    return [
        kind.from_params({**known, **dict(zip(lists, values, strict=True))})
        for values in zip(*lists.values(), strict=True)
    ]
