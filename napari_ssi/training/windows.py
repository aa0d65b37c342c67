"""Random training windows of the object, with the measurement under them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..physics.base import Halo, Physics, crop, reflected, transform
from .first_guess import FirstGuess
from .folds import FOLDS


class WindowPhysics(Physics):
    """A physics as seen inside a window of the object.

    Inside the picture the window's surroundings are measured, so ``initial``
    reflects only what lies beyond the picture's edge, after masking; ``target``
    is the part of the window that ``A`` predicts.
    """

    def __init__(
        self,
        whole: Physics,
        folds: list[Tensor | None],
        guess: Tensor | None = None,
        fresh: Tensor | None = None,
    ) -> None:
        super().__init__()
        self._whole = whole
        self._folds = folds
        self._guess = guess
        self._fresh = fresh
        self._device = whole.device

    _whole: Physics
    _folds: list[Tensor | None]
    _guess: Tensor | None
    _fresh: Tensor | None

    @property
    def halo(self) -> Halo:
        """As the whole."""
        return self._whole.halo

    @property
    def zoom(self) -> tuple[int, ...]:
        """As the whole."""
        return self._whole.zoom

    def A(self, x: Tensor) -> Tensor:
        """As the whole."""
        return self._whole.A(x)

    def A_adjoint(self, y: Tensor) -> Tensor:
        """As the whole."""
        return self._whole.A_adjoint(y)

    def initial(self, y: Tensor) -> Tensor:
        """y with what lies beyond the picture's edge replaced by its reflection, and the guess."""
        seen = self.upsample(self._folded(y))
        return seen if self._guess is None else torch.cat([seen, self._guess], 1)

    def retaken(self, y: Tensor) -> Tensor:
        """As of a whole picture: the window has no surroundings then."""
        return self._whole.initial(y)

    def unseen(self, mask: Tensor) -> Tensor:
        """What the first guess was made without."""
        return mask if self._fresh is None else mask & self._fresh

    def hidden(self, mask: Tensor) -> Tensor:
        """The mask; beyond the picture's edge, where y repeats pixels, that of their originals."""
        return self._folded(mask)

    def _folded(self, y: Tensor) -> Tensor:
        for axis, fold in enumerate(self._folds, start=2):
            if fold is not None:
                view = [1] * y.ndim
                view[0], view[axis] = fold.shape
                y = y.gather(axis, fold.view(view).expand(y.shape))
        return y

    def target(self, y: Tensor) -> Tensor:
        """The part under the inner window."""
        return crop(y, self._whole.halo) if self._whole.halo else y


class Windows:
    """Draws batches of windows from some frames ``(1, 1, [Z,] Y, X)``.

    Parameters
    ----------
    frames, held
        Measurements, and masks of the pixels kept out of the fit, of equal shapes.
    physics
        Bound to the frames' shape.
    size
        Pixels per axis, those of the measurement; cut to its extent, halo included, where that
        is smaller.
    symmetric
        Draw a random symmetry of the physics for each batch.
    guess
        Of the frames; each window shows that of a random fold.
    """

    def __init__(
        self,
        frames: Sequence[Tensor],
        held: Sequence[Tensor],
        physics: Physics,
        size: Sequence[int],
        symmetric: bool,
        guess: FirstGuess | None = None,
    ) -> None:
        self.guess = guess
        self.frames = frames
        self.held = held
        self.physics = physics
        self.shape = tuple(frames[0].shape[2:])
        self.object = physics.object_shape(self.shape)
        self.extent = physics.extent(self.shape)
        self.size = tuple(min(s, n) for s, n in zip(size, self.extent, strict=True))
        self.halo = physics.halo or ((0, 0),) * len(self.shape)
        ndim = len(self.shape)
        moves = physics.symmetries(ndim) if symmetric else []
        self.moves = [
            m for m in moves if m[0] == tuple(range(ndim)) or self.size[-1] == self.size[-2]
        ]

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor, WindowPhysics]:
        """A batch of n windows: measurement, held-out pixels, physics."""
        ys, helds, guesses, fresh = [], [], [], []
        starts = torch.stack(
            [
                torch.randint(whole - size + 1, (n,), generator=generator)
                for whole, size in zip(self.extent, self.size, strict=True)
            ]
        )
        which = torch.randint(len(self.frames), (n,), generator=generator)
        parts = torch.randint(FOLDS, (n,), generator=generator) if self.guess else which
        places = starts.T.tolist()
        for start, frame, k in zip(places, which.tolist(), parts.tolist(), strict=True):
            ys.append(self._cut(self.frames[frame], start))
            helds.append(self._cut(self.held[frame], start))
            if self.guess is not None:
                guesses.append(self._part(self.guess.objects[frame][k : k + 1], start))
                fresh.append(self._cut(self.guess.unseen[frame][k : k + 1], start))
        y, held = torch.cat(ys), torch.cat(helds)
        folds = [
            self._fold(axis, starts[axis].tolist(), y.device) for axis in range(len(self.shape))
        ]
        # a window that begins at the n-th pixel of the extent predicts from the n-th measured one on
        inner = [n - a - b for n, (a, b) in zip(self.size, self.halo, strict=True)]
        here = self.physics.part(places, inner)
        physics = WindowPhysics(here, folds)
        if self.guess is not None:
            physics = WindowPhysics(here, folds, torch.cat(guesses), torch.cat(fresh))
        if len(self.moves) > 1:
            # the fold is resolved before the move: the moved window has no edge of its own
            move = self.moves[int(torch.randint(len(self.moves), (), generator=generator))]
            physics = _MovedPhysics(physics, move)
        return y, held, physics

    def _part(self, whole: Tensor, start: Sequence[int]) -> Tensor:
        places, sizes = self.physics.finer(start), self.physics.finer(self.size)
        for axis, (a, size) in enumerate(zip(places, sizes, strict=True), start=2):
            whole = whole.narrow(axis, a, size)
        return whole

    def _cut(self, frame: Tensor, start: Sequence[int]) -> Tensor:
        for axis, (a, size, n) in enumerate(
            zip(start, self.size, self.shape, strict=True), start=2
        ):
            a -= self.halo[axis - 2][0]
            if a >= 0 and a + size <= n:
                frame = frame.narrow(axis, a, size)
            else:
                index = torch.as_tensor(reflected(a, a + size, n), device=frame.device)
                frame = frame.index_select(axis, index)
        return frame

    def _fold(self, axis: int, starts: list[int], device: torch.device) -> Tensor | None:
        """Where in the window each pixel of it is read from; None if from itself."""
        n, size, before = self.shape[axis], self.size[axis], self.halo[axis][0]
        if all(a >= before and a - before + size <= n for a in starts):
            return None
        rows = []
        for a in starts:
            a -= before
            rows.append(torch.as_tensor(reflected(a, a + size, n) - a))
        fold = torch.stack(rows)
        # a window that ends beyond the reflection of its own pixels reads the nearest it has
        return fold.clamp_(0, size - 1).to(device)


class _MovedPhysics(WindowPhysics):
    """A window seen through a symmetry: the network works in the moved frame."""

    def __init__(
        self, window: WindowPhysics, move: tuple[tuple[int, ...], tuple[int, ...]]
    ) -> None:
        super().__init__(window._whole, window._folds, window._guess, window._fresh)
        self._move = move

    _move: tuple[tuple[int, ...], tuple[int, ...]]

    def initial(self, y: Tensor) -> Tensor:
        """The window's input, moved."""
        return transform(super().initial(y), *self._move)

    def retaken(self, y: Tensor) -> Tensor:
        """The same, moved."""
        return transform(super().retaken(y), *self._move)

    def A(self, x: Tensor) -> Tensor:
        """Move back, then blur."""
        order, flips = self._move
        back = x.flip([2 + a for a in flips]) if flips else x
        inverse = sorted(range(len(order)), key=order.__getitem__)
        return self._whole.A(transform(back, inverse, ()))
