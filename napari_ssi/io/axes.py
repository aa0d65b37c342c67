"""Which axis is which, when the file does not say."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InputError
from ..stack import AXES

#: What an axis without a name is taken for, by the number of such axes.
_GUESS = {1: "Z", 2: "TZ", 3: "TCZ"}


def settle(found: str, shape: Sequence[int], name: str, notes: list[str]) -> str:
    """Axes in T C Z Y X from those of a file, where Q and I are "not known".

    An unnamed axis of a stack is z: a z-stack is the usual case, and a time-lapse
    is recorded by programs that say so. The guess is noted.

    Raises
    ------
    InputError
        Axes that a recording cannot have here (lifetime, phase, tile …), or too
        many without a name.

    Examples
    --------
    >>> notes = []
    >>> settle("QYX", (5, 32, 32), "a.tif", notes)
    'ZYX'
    >>> notes
    ['The file does not name its first axis (5 long): taken for Z; set the axes if that is wrong.']
    """
    strange = sorted(set(found) - set(AXES) - set("QIS"))
    if strange:
        raise InputError(
            f"{name} has the axes {found} of sizes {tuple(shape)}, of which "
            f"{', '.join(strange)} cannot be restored; give the axes by letters from {AXES}."
        )
    unknown = [i for i, axis in enumerate(found) if axis in "QI"]
    if not unknown:
        return found
    free = [a for a in _GUESS.get(len(unknown), "") if a not in found]
    free += [a for a in "ZTC" if a not in found and a not in free]
    if len(free) < len(unknown) or len(unknown) > len(_GUESS):
        raise InputError(
            f"{name} has {len(shape)} axes of sizes {tuple(shape)} and does not name them; give "
            f"the axes, one letter each from {AXES}."
        )
    letters = list(found)
    for i, axis in zip(unknown, free, strict=False):
        letters[i] = axis
        which = "first" if i == 0 else f"{i + 1}."
        notes.append(
            f"The file does not name its {which} axis ({shape[i]} long): taken for {axis}; set the "
            "axes if that is wrong."
        )
    return "".join(letters)


def sizes(scale: dict[str, float], axes: str, notes: list[str]) -> tuple[float, ...] | None:
    """Pixel size in the order ([Z,] Y, X) from sizes by letter; ``None`` where X is not known."""
    if "X" not in scale and "Y" not in scale:
        return None
    x = scale.get("X") or scale["Y"]
    y = scale.get("Y", x)
    if "Z" not in axes:
        return (y, x)
    if "Z" not in scale:
        notes.append(
            f"The z-step is not recorded: taken for {x:.4g} µm, as in x; give the right one."
        )
    return (scale.get("Z", x), y, x)
