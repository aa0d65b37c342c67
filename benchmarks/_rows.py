"""A table that grows row by row, so that a benchmark can be stopped and taken up again."""

from __future__ import annotations

import csv
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch


class Rows:
    """The rows of a CSV by the values of its first ``keys`` columns, written after each one.

    Parameters
    ----------
    path
        The CSV; what it holds already is kept.
    columns
        Its header.
    keys
        How many of the columns name a row.
    """

    def __init__(self, path: Path, columns: tuple[str, ...], keys: int) -> None:
        self.path, self.columns, self.keys = path, columns, keys
        self.rows: dict[tuple[str, ...], dict[str, str]] = {}
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    self.rows[self._key(row)] = {c: row.get(c) or "" for c in columns}

    def __contains__(self, key: tuple[str, ...]) -> bool:
        return key in self.rows

    def missing(
        self, keys: Iterable[tuple[str, ...]], *, again: bool = False
    ) -> Iterator[tuple[str, ...]]:
        """Those of the ``keys`` that are to be measured: what is not there yet, or all of them."""
        return (key for key in keys if again or key not in self.rows)

    def put(self, row: dict[str, str]) -> None:
        """Keep a row in the place of the one of its name, and write the file.

        The columns ``commit`` and ``machine`` are filled in where the row does not bring them.
        """
        for column, found in (("commit", commit), ("machine", machine)):
            if column in self.columns and column not in row:
                row = row | {column: found()}
        self.rows[self._key(row)] = {c: row.get(c, "") for c in self.columns}
        temporary = self.path.with_suffix(".part")
        with temporary.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, self.columns, lineterminator="\n")
            table.writeheader()
            table.writerows(self.rows.values())
        os.replace(temporary, self.path)

    def _key(self, row: dict[str, str]) -> tuple[str, ...]:
        return tuple(row[c] for c in self.columns[: self.keys])


def commit() -> str:
    """The commit that is measured; ``-dirty`` where the package itself has been changed."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "napari_ssi")
    return git("describe", "--always") + ("-dirty" if changed else "")


def machine() -> str:
    """Processor, threads and PyTorch."""
    model = platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [s for s in information.read_text().splitlines() if s.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    if torch.cuda.is_available():
        model = f"{torch.cuda.get_device_name()}, {model}"
    return f"{model}, {torch.get_num_threads()} threads, torch {torch.__version__}"
