"""A data set, with records that were mended by hand in place of those that were turned away.

A mended record keeps its place: the same source, the same row. The sources of the data set's version are read again out of the
file store, with the recipe that is kept with it, and where a mended record stands for a row it is taken instead. The file
of mended records becomes one of the version's sources, so that what was changed by hand can be seen.
"""

from __future__ import annotations

from pathlib import Path

from psycopg.rows import dict_row

from ldt.errors import NotFound, UsageError
from ldt.harmonise.recipe import Recipe
from ldt.model.snapshot import OPERATOR
from ldt.pipeline.ingest import Ingested, ingest
from ldt.pipeline.mended import PREFIX, read_mended
from ldt.sources.resource import digest_file
from ldt.store import files, records, snapshots
from ldt.store.connect import connect, translated


def mend(url: str, twin: str, dataset: str, path: Path) -> Ingested:
    """Bring a data set up to date with mended records.

    Raises:
        NotFound: no such data set, or its sources are not kept.
        SourceError: the file of mended records cannot be read.
        UsageError: a record in it is of none of the data set's sources.
    """
    mended = read_mended(path)
    with connect(url, application="ldt mend") as conn, translated(), conn.transaction():
        snapshot = snapshots.resolve(conn, twin, OPERATOR)
        sources = records.sources(conn, snapshot, dataset)
        with conn.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(
                "SELECT recipe FROM ldt.dataset WHERE id = %s", (records.find(snapshot, dataset).dataset_id,)
            ).fetchone()
    recipe = Recipe.model_validate(row["recipe"] if row else {})
    own = digest_file(path)
    given = [s for s in sources if s["digest"] != own and not s["name"].startswith(PREFIX)]
    if strange := set(mended) - {s["digest"] for s in given}:
        raise UsageError(
            f"{len(strange)} of its sources are not those of {dataset} as it is now",
            where=path.name,
            remedy="write the records out again: a newer delivery has taken their place",
        )
    return ingest(
        url,
        twin,
        recipe,
        [_kept(s["digest"], s["name"]) for s in given],
        name=dataset,
        mended=(path, mended),
    )


def _kept(digest: str, name: str) -> Path:
    """Return the file of a source in the file store."""
    folder = files.folder_of(digest)
    path = folder / Path(name).name
    if path.exists():
        return path
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    if not there:
        raise NotFound(
            f"the bytes of {name} are not kept", remedy="mend the source itself, and ingest it again"
        )
    main = [p for p in there if p.suffix.lower() == Path(name).suffix.lower()]
    return (main or there)[0]
