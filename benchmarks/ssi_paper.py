"""The SSI paper's protocol on any folder of ground-truth images.

``python -m benchmarks.ssi_paper FOLDER --psf psf.npy -o benchmarks/results/ssi_paper`` degrades
each image as the paper does (:mod:`benchmarks.paper`), restores it with every row
(:data:`benchmarks._ssi_paper_rows.ROWS`) and writes ``ssi_paper.csv``, a line an image and a row,
after each one; what is there already is not run again, so that it can be stopped and taken up.
``.md`` and ``.tex`` hold the averages; restored images and sheets with spectra go to
``pictures/``, which git ignores, beside the CSV.

``--crop 256`` takes the centre of the *degraded* image, so that beyond the edge the specimen
goes on. ``--seed`` is that of the training, ``--sigma`` and ``--outliers`` those of the noise;
each such case stands in lines of its own.

Figures are of the image clipped to [0, 1]: PSNR with range 1; SSIM with range 2 (as the paper,
scikit-image's old default) and 1; mutual information over joint entropy of the pixels, and of the
cosine spectra. Nothing is tuned here: the averages are given over the images whose truth was
looked at while defaults were chosen, and over the others.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import _ssi_paper_pictures as pictures
from benchmarks import _ssi_paper_tables as tables
from benchmarks import paper
from benchmarks._rows import Rows
from benchmarks._ssi_paper_rows import ROWS, SAME, Case, recipe
from napari_ssi.quality.mutual_information import mutual_information
from napari_ssi.quality.psnr import psnr
from napari_ssi.quality.spectral_mutual_information import spectral_mutual_information
from napari_ssi.quality.ssim import ssim

RESULTS = Path(__file__).parent / "results" / "ssi_paper"
COLUMNS = tuple(
    "case image method psnr ssim ssim_range1 mi smi seconds cpu_seconds setting steps best_step "
    "noise commit machine".split()
)


def figures(image: NDArray[np.floating], x: paper.Image) -> dict[str, str]:
    """The paper's figures of merit, and SSIM with range 1."""
    shown = image.clip(0, 1)
    return {
        "psnr": f"{psnr(shown, x):.3f}",
        "ssim": f"{ssim(shown, x, data_range=2.0):.4f}",
        "ssim_range1": f"{ssim(shown, x):.4f}",
        "mi": f"{mutual_information(shown, x):.4f}",
        "smi": f"{spectral_mutual_information(shown, x):.4f}",
    }


def measure(name: str, case: Case, folder: Path) -> dict[str, str]:
    """One line, without what names it; the image is kept in ``folder``."""
    began, busy = time.perf_counter(), time.process_time()
    image, facts = ROWS[name].restore(case)
    seconds, cpu = time.perf_counter() - began, time.process_time() - busy
    pictures.keep(folder, name, image)
    return {
        **figures(image, case.x),
        "seconds": f"{seconds:.2f}",
        "cpu_seconds": f"{cpu:.2f}",
        **facts,
    }


def label(options: argparse.Namespace) -> str:
    """What names the case: the part that is taken, and what differs from the paper."""
    parts = ["full" if options.crop is None else f"crop {options.crop}"]
    parts += [f"sigma {options.sigma:g}"] if options.sigma != 0.1 else []
    parts += [f"outliers {options.outliers:g}"] if options.outliers != 0.01 else []
    parts += [f"seed {options.seed}"] if options.seed else []
    return ", ".join(parts)


def write(rows: Rows, case: str, out: Path, command: str) -> None:
    """The averages of one case."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for name in ROWS:
        cells = {
            image: row
            for (where, image, which), row in rows.rows.items()
            if where == case and which == name
        }
        if cells:
            found[name] = cells
    labels = {name: row.label for name, row in ROWS.items()}
    oracles = [name for name, row in ROWS.items() if row.oracle]
    used = [row for cells in found.values() for row in cells.values()]
    notes = [
        f"`{command}`; one run each. SSIM with range 2, as the paper, unless it says range 1.",
        f"Commit {', '.join(dict.fromkeys(row['commit'] for row in used))}; "
        f"{', '.join(dict.fromkeys(row['machine'] for row in used))}.",
        "A mean stands where every image of the group has been measured.",
    ]
    stem = out.with_name(out.name if case == "full" else f"{out.name} {case}".replace(", ", " "))
    stem = stem.with_name(stem.name.replace(" ", "_"))
    text = tables.markdown(found, labels, oracles, f"The paper's protocol: {case}", notes)
    stem.with_name(stem.name + ".md").write_text(text, encoding="utf-8")
    text = tables.latex(found, labels, oracles)
    stem.with_name(stem.name + ".tex").write_text(text, encoding="utf-8")
    for heading, names in tables.groups(dict.fromkeys(r["image"] for r in used)).items():
        print(f"\n{heading}")
        for name, means in tables.averages(found, names).items():
            print(f"  {name:14s}", *(f"{k} {v:.3f}" for k, v in means.items()))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n\n")[0],
        epilog="Rows: " + ", ".join(ROWS),
    )
    parser.add_argument("folder", type=Path, help="ground-truth images")
    parser.add_argument("--psf", type=Path, help="kernel (.npy); FOLDER/psf.npy by default")
    parser.add_argument("-o", "--out", type=Path, default=RESULTS, help="path without ending")
    parser.add_argument("--image", nargs="+", help="only these")
    parser.add_argument("--row", nargs="+", choices=list(ROWS), metavar="ROW", help="only these")
    parser.add_argument("--not-row", nargs="+", choices=list(ROWS), metavar="ROW", default=[])
    parser.add_argument("--crop", type=int, help="centre of the degraded image, pixels")
    parser.add_argument("--seed", type=int, default=0, help="of the training")
    parser.add_argument("--sigma", type=float, default=0.1, help="of the noise")
    parser.add_argument("--outliers", type=float, default=0.01, help="share of replaced pixels")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--again", action="store_true", help="run anew what is there already")
    return parser.parse_args()


def main() -> None:
    """Run what is missing, row by row, then write the tables."""
    options = arguments()
    torch.set_num_threads(options.threads)
    psf = np.load(options.psf or options.folder / "psf.npy").astype(np.float64)
    psf = (psf / psf.sum()).astype(np.float32)
    found = paper.images(options.folder)
    unknown = set(options.image or ()) - set(found)
    if unknown or not found:
        raise SystemExit(f"{options.folder} has: {', '.join(found) or 'no images'}; got {unknown}.")
    out = options.out if options.out.suffix != ".csv" else options.out.with_suffix("")
    out.parent.mkdir(parents=True, exist_ok=True)
    rows = Rows(out.with_name(out.name + ".csv"), COLUMNS, 3)
    name = label(options)
    wanted = [r for r in options.row or ROWS if r not in options.not_row]
    for image in options.image or found:
        x = paper.truth(found[image])
        y, z = paper.degrade(x, psf, sigma=options.sigma, outliers=options.outliers)
        part = paper.centre(x.shape, options.crop)
        case = Case(*(a[part].copy() for a in (x, y, z)), psf, options.seed)
        folder = out.parent / "pictures" / out.name / name.replace(", ", " ").replace(" ", "_")
        pictures.keep(folder / image, "truth", case.x)
        for row in wanted:
            if (name, image, row) in rows and not options.again:
                continue
            line = same(row, case, image, name, rows, wanted) or measure(row, case, folder / image)
            rows.put({"case": name, "image": image, "method": row, **line})
            print(image, row, line["psnr"], line["ssim"], line["seconds"], flush=True)
        pictures.sheet(folder / image, pictures.SHOWN, folder / f"{image}.png")
    command = f"python -m benchmarks.ssi_paper FOLDER{'' if name == 'full' else f' ({name})'}"
    write(rows, name, out, command)


def same(
    row: str, case: Case, image: str, where: str, rows: Rows, wanted: list[str]
) -> dict[str, str] | None:
    """The line of another row that stands for the same recipe, if that is measured or will be."""
    if row not in SAME:
        return None
    other, parts = SAME[row]
    key = (where, image, other)
    if other not in wanted or key not in rows or recipe(case) != recipe(case, **parts):
        return None
    return {k: v for k, v in rows.rows[key].items() if k not in ("case", "image", "method")}


if __name__ == "__main__":
    main()
