"""What a user is told of a restored channel, beside its figures."""

from __future__ import annotations

import math
from collections.abc import Mapping

from .background import Levels

#: Light in the result over that in the recording, beyond which, or below its inverse, it is spoken of.
#: Restorations that go well were seen between 0.86 and 1.26, the latter of stacks that end in the specimen.
MOST_LIGHT = 1.5

#: Share given back from which the structured mask is likely to have hidden detail.
MUCH = 0.1


def remarks(
    facts: Mapping[str, float], levels: Levels, *, untrained: bool, shared: bool = False
) -> list[str]:
    """Sentences on what the figures of a channel mean, where they ask for one.

    Parameters
    ----------
    facts
        Estimates of the method and of the pipeline, by name.
    levels
        Of the camera; clipping is spoken of.
    untrained
        It was stopped before anything was learned.
    shared
        Pixels were taken to share noise.

    Examples
    --------
    >>> levels = Levels(offset=100.0, high=4095.0, high_fraction=0.02)
    >>> remarks({"learned_from": 1.0}, levels, untrained=False)
    ['Offset 100, 2.0% saturated at 4095.']
    """
    told = []
    judged = shared and "correction" in facts  # by Stein's risk, not by held-out pixels
    if untrained:
        told.append("Stopped before the first step: the recording is unchanged.")
    if facts.get("outliers", 0.0) > 0:
        told.append(
            f"{facts['outliers']:.2%} of the pixels are beyond what the noise explains and were "
            "taken from their neighbours."
        )
    if facts.get("belied", 0.0) > 0:
        told.append(
            "The loss fell below what it can be: the noise is not what it was taken for (few photons, clipped pixels), "
            "or was learned by heart (a small recording). Held-out pixels chose the result; a method that "
            "masks needs only to know which pixels share noise."
        )
    if facts.get("given_back", 0.0) >= 0.01:
        told.append(
            f"{facts['given_back']:.0%} of what the network had taken off was more than noise "
            "explains, fine detail for example, and was given back."
        )
        if shared and facts["given_back"] >= MUCH:
            told.append(
                "So much fine detail passes for noise that neighbours share: if they do not share it, the "
                "noise model independent restores more."
            )
    if facts.get("steps") == 0 and "start_held_out" in facts:
        told.append("Not trained: the start was applied as it is.")
    elif facts.get("best_step") == 0 and not untrained:
        better = "has a lower estimated error" if judged else "predicts held-out pixels better"
        first = "start" if "start_held_out" in facts else "classical first guess"
        told.append(
            f"The network found nothing that surely {better} than its {first}, which is the result."
        )
    elif facts.get("correction", 1.0) < 0.995:
        best = "lowers the estimated error" if judged else "predicts held-out pixels best"
        told.append(
            f"The result holds {facts['correction']:.0%} of the network's correction of the classical first "
            f"guess, as much as {best}; previews show all of it."
        )
    if facts.get("learned_share", 1.0) == 0:
        told.append(
            "The network's restoration is not surely better than a classical one, which is the result."
        )
    elif facts.get("learned_share", 1.0) < 0.995:
        told.append(
            f"The result holds {facts['learned_share']:.0%} of the network's restoration, and a classical one for the "
            "rest: their mean has the lower estimated error."
        )
    if facts.get("learned_from", 1.0) < 1:
        told.append(
            f"Learned from {facts['learned_from']:.0%} of the recording, where the contrast is "
            "strongest: first guesses of all of it would take too long."
        )
    light = facts.get("flux_ratio", 1.0)
    if light <= 0:
        told.append(
            f"The recording lies below the offset, {levels.offset:g}, on average: the offset is too high."
        )
    elif not 1 / MOST_LIGHT <= light <= MOST_LIGHT and math.isfinite(light):
        told.append(
            f"The result holds {light:.2g} times the light of the recording, above the offset of "
            f"{levels.offset:g}, where about as much is expected: the offset or the PSF is wrong, or light left "
            "the stack at its top or bottom."
        )
    if levels.low is not None or levels.high is not None or levels.dark_fraction:
        words = levels.describe()
        told.append(f"{words[0].upper()}{words[1:]}.")
    return told
