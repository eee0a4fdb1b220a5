"""What a study leaves in its folder: summary as CSV and NetCDF, choices, two pictures."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from posynth.copies.folder import is_written, listed, others_in
from posynth.copies.output import write_text
from posynth.errors import StoreError
from posynth.evaluation.validity.calibration import Calibration
from posynth.evaluation.validity.ecdf import plot_calibration
from posynth.evaluation.validity.journal import JOURNAL, is_of_study
from posynth.evaluation.validity.plots import plot_coverage, plot_zip
from posynth.evaluation.validity.summary import Validity

SUMMARY, CELLS, COVERAGE, ZIP = "summary.csv", "summary.nc", "coverage.png", "zip.png"
CHOICES = "choices.csv"
CALIBRATION, RANKS, ECDF = "calibration.csv", "ranks.csv", "ecdf-[0-9][0-9].png"


def clear_other_study(folder: Path, digest: str) -> None:
    """Remove replications and results of another study; those of this one stay, to go on."""
    path = folder / JOURNAL
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace") as file:
            if is_of_study(file.readline(), digest):
                return
    for name in (JOURNAL, SUMMARY, CELLS, CHOICES, COVERAGE, ZIP):
        (folder / name).unlink(missing_ok=True)


def clear_calibrations(folder: Path, overwrite: bool) -> list[Path]:
    """Return the files of another calibration in a folder, which are to be replaced.

    Raises
    ------
    StoreError
        If there are any and they must not be replaced, or the folder holds files and no
        calibration.
    """
    foreign = [] if is_written(folder / CALIBRATION) else others_in(folder)
    if foreign:
        raise StoreError(
            f"output folder {str(folder)!r} already holds {listed(foreign)}, and no calibration "
            "of posynth; choose another folder with -o"
        )
    found = [path for name in (CALIBRATION, RANKS, ECDF) for path in sorted(folder.glob(name))]
    if found and not overwrite:
        raise StoreError(
            f"output folder {str(folder)!r} already holds a calibration "
            f"({', '.join(path.name for path in found)}); choose another folder with -o, or "
            "replace it with --overwrite"
        )
    return found


def save_validity(validity: Validity, folder: str | Path) -> Path:
    """Write the outcome of a study; each file takes its name only when it is whole.

    Parameters
    ----------
    validity : Validity
        The outcome.
    folder : str or Path
        Where; made if it is not there.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
        write_text(place / SUMMARY, validity.table().to_csv(index=False, float_format="%.6g"))
        chosen = validity.choices().to_csv(index=False, float_format="%.6g")
        write_text(place / CHOICES, chosen)
        # In memory first: HDF5 ends the process where a disk is full.
        content = validity.dataset.to_netcdf(engine="h5netcdf")
        _safely(place / CELLS, lambda path: path.write_bytes(content))
        _safely(place / COVERAGE, lambda path: _picture(plot_coverage(validity), path))
        worst = least_covered(validity)
        _safely(place / ZIP, lambda path: _picture(plot_zip(validity, **worst), path))
    except OSError as error:
        raise StoreError(f"{str(place)!r} cannot be written: {error.strerror}") from None
    return place


def save_calibrations(found: Mapping[str, Calibration], folder: Path) -> None:
    """Write one ECDF plot a conditional, and all ranks as one CSV."""
    frames = []
    for number, (target, each) in enumerate(found.items(), start=1):
        path = folder / f"ecdf-{number:02d}.png"
        _safely(path, partial(_picture, plot_calibration(each)))
        frame = pd.DataFrame(each.ranks, columns=list(each.names))
        long = frame.melt(var_name="quantity", value_name="rank", ignore_index=False)
        frames.append(long.reset_index(names="replication").assign(conditional=target))
    write_text(folder / RANKS, pd.concat(frames).to_csv(index=False))


def least_covered(validity: Validity) -> dict[str, Any]:
    """Return the coefficient and cell, among those of the first rule, that are covered least."""
    study = validity.study
    cells = validity.dataset["coverage"].sel(
        draws=study.draws[0], rule=study.rules[0], estimand="population"
    )
    at = cells.fillna(2.0).argmin(...)
    return {
        "coefficient": str(cells["coefficient"].to_numpy()[int(at["coefficient"])]),
        "draws": study.draws[0],
        "k": study.k[int(at["k"])],
        "m": study.m[int(at["m"])],
        "rule": study.rules[0],
    }


def _picture(axes: Any, path: Path) -> None:
    axes.figure.savefig(path, dpi=130, format="png")


def _safely(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file under a temporary name, then rename it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
