"""Files that are there whole, or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import InputError


@contextmanager
def atomically(*targets: Path) -> Iterator[tuple[Path, ...]]:
    """Temporary paths beside ``targets``, which take their places when the block succeeds.

    All files of one result are written before the first of them is put in its
    place; when anything goes wrong, none of the temporary files is left behind
    and what was there before is untouched.

    Raises
    ------
    InputError
        The folder is missing or cannot be written, or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "note.txt"
    >>> with atomically(target) as (temporary,):
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    # The ending stays, as writers look at it; the umask applies, unlike with tempfile.mkstemp.
    mark = uuid.uuid4().hex[:12]
    temporary = tuple(t.with_name(f".{mark}.{t.name}") for t in targets)
    for target in targets:
        if not target.parent.is_dir():
            raise InputError(
                f"{target} cannot be written: there is no folder {target.parent}; create it first."
            )
        if target.is_dir():
            raise InputError(f"{target} cannot be written: it is a folder; give a file name.")
    try:
        yield temporary
        for source, target in zip(temporary, targets, strict=True):
            os.replace(source, target)
    except OSError as error:
        # numpy gives no reason when only a part of an array could be written
        reason = error.strerror or "the disk is full, or files may not grow this large"
        raise InputError(
            f"{targets[0]} cannot be written: {reason}. Nothing was changed; choose another folder "
            "or make room."
        ) from None
    finally:
        for path in temporary:
            with suppress(OSError):
                path.unlink(missing_ok=True)
