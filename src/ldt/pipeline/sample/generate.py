"""Writes the sample city: the files, the manifest that builds a twin from them, and what that twin must show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ldt.errors import UsageError
from ldt.pipeline.sample import written
from ldt.pipeline.sample.draw import SIZES, draw
from ldt.pipeline.sample.plan import plan

SEED = 37105
NOTICE = "SYNTHETIC DATA. Musterstadt does not exist: everything in this file was drawn by a random generator (LDT sample city, seed {seed})."
MANIFEST = "sample-city.yaml"

#: Told what is done: (what, how many of how many).
Tell = Callable[[str, int, int], None]


def generate(folder: Path, *, seed: int = SEED, size: str = "full", tell: Tell | None = None) -> Path:
    """Write the sample city into a folder, or leave what is there if it is this city, whole and unchanged.

    The same seed and size give the same bytes in every file, with the same versions of GDAL, GEOS, PROJ and Arrow.

    Args:
        folder: where to write; made if absent. Files of the same names are replaced, and those that an earlier version of the
            generator wrote and this one does not are removed; others are left alone.
        seed: of the random generator, 0 or more.
        size: `full`, or `small` for quick tests.
        tell: told what begins.

    Returns:
        Path of the manifest, `sample-city.yaml`; beside it `expected.json` tells what a twin built from it must show.

    Raises:
        UsageError: the folder cannot be written to, the seed is negative, or there is no such size.
    """
    if seed < 0:
        raise UsageError(f"the seed is {seed}", where="seed", remedy="take a whole number from 0")
    if size not in SIZES:
        raise UsageError(f"there is no size {size!r}", where="size", remedy=f"one of {', '.join(SIZES)}")
    try:
        return _write(folder, seed, size, tell or (lambda what, done, of: None))
    except OSError as e:
        reason = e.strerror or str(e)
        raise UsageError(
            f"cannot write the sample city: {reason}",
            where=str(folder),
            remedy="name a folder that you may write to",
        ) from e


def _write(folder: Path, seed: int, size: str, tell: Tell) -> Path:
    manifest = folder / MANIFEST
    what = f"seed {seed}, size {size}"
    if written.unchanged(folder, what):
        return manifest
    folder.mkdir(parents=True, exist_ok=True)
    tell("drawing", 0, 1)
    files = plan(draw(seed, SIZES[size]), NOTICE.format(seed=seed))
    before = written.names(folder)
    # From here on the folder holds neither the old city nor the new one.
    written.forget(folder)
    for number, (name, write) in enumerate(files.items()):
        tell(name, number, len(files))
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
    for name in before - files.keys():
        (folder / name).unlink(missing_ok=True)
    tell(written.NAME, len(files), len(files))
    written.record(folder, what, files)
    return manifest
