"""What two recipes differ in, in words, whatever way they say the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from .. import registry
from ..recipe import Part, Recipe
from .chain import taken_apart

#: What is image-specific, or is compared by its contents elsewhere.
_ELSEWHERE = {"psf", "mask", "start"}


def differences(theirs: Recipe, ours: Recipe, ndim: int) -> list[str]:
    """Sentences on all that ``theirs`` says and ``ours`` does not, or otherwise.

    Parameters that are not given count with their defaults; what a classical method has no use for
    does not count. PSFs (but for the width of a Gaussian), masks, and models to start from are
    left out.

    Parameters
    ----------
    theirs, ours
        The recipe that is to be shown, and what the panel makes of it.
    ndim
        Spatial axes of the recording, for which one width may stand.

    Examples
    --------
    >>> a, b = Recipe(method="ssi", seed=1), Recipe(method="ssi", training={"learning_rate": 0.001})
    >>> differences(a, b, 2)
    ['Seed: 1 in the recipe, 0 in the panel.']
    """
    made = {place: parts for place, parts, _ in _facts(ours, ndim)}
    sentences = []
    for place, parts, given in _facts(theirs, ndim):
        shown = made.get(place)
        if shown is None:
            named = ", ".join(f"{title}: {_said(parts[title])}" for title in given)
            sentences.append(
                f"{place}{f' ({named})' if named else ''} is in the recipe, but not in the panel."
            )
        elif parts.get("") != shown.get(""):
            sentences.append(_sentence(place, parts[""], shown[""]))
        else:
            sentences += [
                _sentence(f"{place}, {title}" if place else title, value, shown[title])
                for title, value in parts.items()
                if title in shown and value != shown[title]
            ]
    return sentences


def _sentence(what: str, theirs: Any, ours: Any) -> str:
    return f"{what}: {_said(theirs)} in the recipe, {_said(ours)} in the panel."


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "automatic" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _facts(recipe: Recipe, ndim: int) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
    """Per place of the panel its values by title ("" is the choice itself), and which of them are given."""
    blur, links = taken_apart(recipe.physics)
    values, given = _part("physics", blur)
    yield "Blur", values | _width(blur, ndim), given
    places: list[str] = []
    for link in links:
        values, given = _part("physics", link)
        place = str(values.pop(""))
        places.append(place + " again" * places.count(place))
        factor = values.get("Factor")
        if factor is not None and len(set(factor)) == 1:  # one number stands for all axes
            values["Factor"] = factor[:1]
        yield places[-1], values, given
    if len(places) > 1:
        yield "From the specimen to the camera", {"": ", ".join(places)}, [""]
    yield "Noise", *_part("noise", recipe.noise)
    first, *further = recipe.method
    yield "Method", *_part("baseline" if recipe.is_baseline else "loss", first)
    for term in further:
        values, given = _part("loss", term)
        share = term.weight / first.weight  # which is all that counts
        yield str(values.pop("")), {"Weight": share, **values}, ["Weight", *given]
    if not recipe.is_baseline:
        from ..training.settings import Training

        yield "Network", *_part("network", recipe.network)
        training = Training.from_params(recipe.training).model_dump(mode="json")
        yield "Training", _titled(Training.model_fields, training), []
    named = {
        "effort": "Effort",
        "device": "Device",
        "seed": "Seed",
        "nonnegative": "No negative values",
    }
    tree = recipe.model_dump(include=set(named))
    yield "", {title: tree[name] for name, title in named.items()}, []
    yield "Offset", {"": recipe.levels.offset}, []
    yield "Lowest pixels", {"": recipe.levels.lowest}, []


def _part(kind: registry.Kind, part: Part) -> tuple[dict[str, Any], list[str]]:
    """The label and all values of a part by title, and the titles of those that are given."""
    entry = registry.find(kind, part.name)
    params = {**part.params}
    if isinstance(params.get("psf"), list):  # one a channel
        del params["psf"]
    fields = entry.load().model_fields
    values = _titled(fields, entry.build(params).model_dump(mode="json"))
    return {"": entry.label, **values}, list(_titled(fields, params))


def _titled(fields: dict[str, FieldInfo], values: dict[str, Any]) -> dict[str, Any]:
    return {
        fields[name].title or name: value
        for name, value in values.items()
        if name not in _ELSEWHERE
    }


def _width(blur: Part, ndim: int) -> dict[str, Any]:
    """FWHM of a Gaussian that stands for all channels."""
    psf = blur.params.get("psf")
    if isinstance(psf, list) and len(psf) == 1:
        psf = psf[0]
    if not isinstance(psf, dict) or psf.get("kind") != "gaussian":
        return {}
    fwhm = [float(width) for width in psf["fwhm"]]
    return {"FWHM": fwhm * ndim if len(fwhm) == 1 else fwhm}
