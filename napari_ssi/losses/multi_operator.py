"""Multi-operator imaging: what one recording misses of the specimen, another has measured."""

from __future__ import annotations

from contextlib import suppress

from torch import Tensor, nn

from ..errors import InputError
from ._masks import replaced
from .base import Penalty, Scene

ABOUT = {
    "multi_operator": {
        "label": "Multi-operator imaging",
        "summary": "The estimate, recorded again with the pixels of another time point missing, must "
        "be restored to itself.",
        "when": "A time-lapse in which each time point misses other regions; little is gained if "
        "single pixels are missing. Tested with a weight of 1.",
        "physics": ["inpainting", "compose"],
        "role": "term",
    },
}


class MultiOperator(Penalty):
    r"""``mean |f(n(A_s x̂)) - x̂|²``, with x̂ = f(y) and the forward model A_s of another recording.

    Beside a data term :math:`\|A_g f(y_g) - y_g\|^2` for each recording g: for what A_g loses no data
    term asks, but another :math:`A_s` keeps it in its own recordings, and there x̂ is held to the data.
    An f that restores x̂ from :math:`A_s \hat x`, too, has learned from these what A_g loses. That
    tells something *only if the operators differ*.

    A_s is A without the pixels that another window of the same step misses (those held out among
    them); f is shown the neighbours in their place, as it is of a recording. The other window is
    mostly one of another time point and of another place. So one mask for all time points has
    something to tell, too, if windows are smaller than the frame, as a network of convolutions is the
    same everywhere: a mask elsewhere is a shift as in equivariant imaging. Noise is drawn
    from the noise model where it can be simulated, else left out. A term, not an estimate of a
    risk: no unbiasedness is claimed. There is no first guess beside it.

    References
    ----------
    J. Tachella, D. Chen, M. E. Davies, "Unsupervised Learning From Incomplete Measurements for
    Inverse Problems", NeurIPS 2022, https://doi.org/10.48550/arXiv.2201.12151
    """

    @property
    def goes_with_a_guess(self) -> bool:
        """No: that would show f the answer."""
        return False

    def __call__(self, x: Tensor, network: nn.Module, scene: Scene | None = None) -> Tensor:
        """The penalty; which window lends its missing pixels is given by the order of the batch."""
        if scene is None or scene.held is None:
            raise InputError(
                "Multi-operator imaging is a term beside a loss; it needs the forward model."
            )
        if len(x) < 2:
            raise InputError(
                "Multi-operator imaging compares the windows of a step, and there is 1; set "
                "training.batch to 2 or more."
            )
        y = scene.physics.A(x)
        with suppress(InputError):  # a model that knows independence only cannot be simulated
            y = scene.noise.sample(y, scene.generator)
        missed = scene.physics.target(scene.held).roll(1, 0)
        again = scene.f(scene.physics.retaken(replaced(y, missed)))
        return (again - x).square().mean()
