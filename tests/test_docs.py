"""Documents that quote the program say what it says."""

from pathlib import Path

import pytest

from napari_ssi.cli.methods import table

DOCS = Path(__file__).parents[1] / "docs"


def test_the_capability_table_is_the_generated_one() -> None:
    if not DOCS.exists():
        pytest.skip("the documents are not beside the tests")
    assert "\n".join(table()) in (DOCS / "noise.md").read_text(encoding="utf-8")
