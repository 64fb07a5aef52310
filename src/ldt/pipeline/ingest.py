"""One data set in: sources through a recipe into a new version, in one transaction."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import psycopg
import shapely

from ldt import __version__, sources
from ldt.errors import LdtError, SourceError, UsageError
from ldt.harmonise import harmoniser
from ldt.harmonise.chunk import HARMONISER, Chunk, Context
from ldt.harmonise.recipe import Recipe
from ldt.model.outcome import Tally
from ldt.pipeline.layers import with_layer
from ldt.sources.batches import rarely_collected
from ldt.sources.resource import Resource, open_resources
from ldt.sources.source import Batch, Document, Raster
from ldt.store import files, twins, views
from ldt.store.connect import connect, translated
from ldt.store.load import Changes, Load, Rows, SourceObject, VersionKey, commit, exclusive
from ldt.store.load_features import FeatureRows
from ldt.store.load_observations import ObservationRows
from ldt.store.schema import is_current
from ldt.store.snapshots import own_namespace

# What few ingests need is loaded by those: it brings libraries that take as long to load as a small file takes to read.
if TYPE_CHECKING:
    from ldt.pipeline.fetch import Fetched
    from ldt.pipeline.mended import Mended
    from ldt.store.load_coverages import CoverageRows

#: Chunks that may wait for the database: it keeps the memory bounded and lets fast and slow chunks even out.
_CHUNKS_AHEAD = 3

#: Called with (source name, records read so far in all sources).
Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an ingest did. `version` and `revision` are those of the state that now is; `unchanged` means nothing was written.

    `said` is what the user should know of how the source was read (the layer that was taken, doubts about the order of
    axes), a line each.
    """

    dataset: str
    version: int
    revision: int
    unchanged: bool
    tally: Tally
    changes: Changes
    sources: list[str]
    said: str | None = None

    def summary(self) -> dict[str, Any]:
        """Return a JSON-ready form: the data set, its version, the five outcomes and their reasons, and more."""
        changes = asdict(self.changes)
        changes.pop("extent")
        reasons: dict[str, int] = {}
        for key, count in self.tally.reasons.items():
            reason = key.partition(":")[2]
            reasons[reason] = reasons.get(reason, 0) + count
        return {
            "dataset": self.dataset,
            "version": self.version,
            "revision": self.revision,
            "unchanged": self.unchanged,
            "sources": self.sources,
            **asdict(self.tally),
            "reasons": reasons,
            "reasons_by_outcome": self.tally.reasons,
            "rows": changes,
            "said": self.said,
        }


def ingest(
    url: str,
    twin: str,
    recipe: Recipe,
    paths: Sequence[Path | Fetched],
    *,
    name: str | None = None,
    everywhere: bool = False,
    progress: Progress | None = None,
    mended: tuple[Path, Mended] | None = None,
) -> Ingested:
    """Bring one data set of a twin up to date with its sources.

    Args:
        url: address of the database.
        twin: name of the twin, which must exist.
        recipe: how the records become canonical.
        paths: files, folders, archives or fetched pages of services; at least one.
        name: name of the data set, the recipe's own by default.
        everywhere: keep records wherever they lie (the data set that is the twin's boundary).
        progress: is told how far the work is.
        mended: a file of mended records, and the records in it (see :mod:`ldt.pipeline.mend`).

    Raises:
        LdtError: anything that the user can be told about; the previous state stays as it was.
    """
    if not paths:
        raise UsageError(
            "no source given", where=recipe.name, remedy="name at least one file, folder or address"
        )
    with ExitStack() as stack:
        given = [(path, r) for path in paths for r in stack.enter_context(_opened(path, recipe))]
        resources = [r for _, r in given]
        recipe = _told_apart(recipe, len(resources))
        with _explained(resources):
            recipe, said = with_layer(recipe, resources)
            recipe, dataset_name = _specialised(recipe, resources, name)
        conn = stack.enter_context(connect(url, application="ldt ingest"))
        twin_id = twins.twin_id(conn, twin)
        # Observations lie where their things are; only features are selected by place.
        selection = None if everywhere or recipe.observation else twins.selection(conn, twin_id)
        by_hand = [_mended_object(mended[0])] if mended else []
        key = VersionKey(
            sources=(*(_source_object(path, r, recipe) for path, r in given), *by_hand),
            recipe_digest=recipe.digest,
            harmoniser=HARMONISER,
            selection_digest=hashlib.sha256(selection or b"").hexdigest(),
        )
        context = Context(
            namespace=own_namespace(twin, dataset_name),
            selection=shapely.from_wkb(selection) if selection else None,
        )
        with translated(), conn.transaction():
            dataset_id = _put_dataset(conn, twin_id, recipe, dataset_name)
            with exclusive(conn, dataset_id):
                before = current(conn, dataset_id, dataset_name, key)
                if before is not None:
                    return replace(before, said=_lines(said, before.said))
                load = _begin(conn, url, twin_id, dataset_id, recipe)
                _run(load, recipe, resources, key.sources, context, progress, mended[1] if mended else {})
                if recipe.source.keep:
                    for r in resources:
                        files.keep(r.digest, [r.path, *r.sides] if r.path.is_file() else [r.path])
                for source in by_hand:
                    files.keep(source.digest, [mended[0]] if mended else [])
                loaded = commit(load, key, __version__)
                if recipe.collection:
                    views.refresh(conn, twin_id, recipe.collection, changed=dataset_id)
    names = [r.name for r in resources]
    said = _lines(said, _doubts(load.crs))
    return Ingested(
        dataset_name, loaded.version, loaded.revision, False, loaded.tally, loaded.changes, names, said
    )


def make_twin(url: str, name: str) -> bool:
    """Make a twin without a boundary if there is none of that name; tell whether it was made.

    The schema and the catalogue of the database are brought up to date first if they are not.
    """
    with connect(url, application="ldt ingest") as conn:
        if not is_current(conn):
            from ldt.store.migrate import migrate

            migrate(url)
        if any(one["name"] == name for one in twins.twins(conn)):
            return False
        title = {"en": name.replace("-", " ").capitalize()}
        twins.put_twin(conn, name, title=title, description=None, scale="city", buffer_m=0)
        return True


def _specialised(recipe: Recipe, resources: Sequence[Resource], name: str | None) -> tuple[Recipe, str]:
    """Return the recipe made to fit the files, where it is one that takes any, and the name of the data set."""
    if recipe.collection != "*":
        return recipe, name or recipe.name
    from ldt.pipeline.generic import specialised

    return specialised(recipe, resources, name)


def _put_dataset(conn: psycopg.Connection[Any], twin_id: int, recipe: Recipe, name: str) -> int:
    return twins.put_dataset(
        conn,
        twin_id,
        recipe,
        name=name,
        shape=recipe.shape,
        feature_type=recipe.collection,
        recipe=recipe.model_dump(mode="json", exclude_defaults=True),
    )


def _begin(conn: psycopg.Connection[Any], url: str, twin_id: int, dataset_id: int, recipe: Recipe) -> Load:
    """Return the load of the data set's next version."""
    version = _current_version(conn, dataset_id) + 1
    rows: Rows
    if recipe.collection:
        rows = FeatureRows(conn, twin_id, dataset_id, version, recipe.collection)
    elif recipe.coverage:
        from ldt.store.load_coverages import CoverageRows  # with libraries that take half a second to load

        rows = CoverageRows(conn, twin_id, dataset_id, version)
    else:
        assert recipe.observation is not None  # noqa: S101 - a recipe has exactly one of the three
        rows = ObservationRows(conn, url, twin_id, dataset_id, version, recipe.observation.update)
    return Load(conn, twin_id, dataset_id, version, rows)


@contextmanager
def _opened(source: Path | Fetched, recipe: Recipe) -> Iterator[list[Resource]]:
    """Give the files behind a source; a page of a service is called as its address has it."""
    member = recipe.source.options.get("member")
    path = source if isinstance(source, Path) else source.path
    with open_resources(path, suffixes=sources.suffixes(recipe.source.reader), member=member) as found:
        named = not isinstance(source, Path) and [r.path for r in found] == [path]
        yield [replace(r, name=source.name) for r in found] if named else found


def _told_apart(recipe: Recipe, files: int) -> Recipe:
    """Return a recipe whose identifiers by place in the file differ from file to file, where there are several."""
    mapping = recipe.feature
    if mapping is None or files < 2 or mapping.id.stability != "position" or "_file" in mapping.id.local_id:
        return recipe
    numbered = mapping.id.model_copy(update={"local_id": f"_file || '.' || ({mapping.id.local_id})"})
    return recipe.model_copy(update={"feature": mapping.model_copy(update={"id": numbered})})


def _mended_object(path: Path) -> SourceObject:
    """Return what is kept of a file of mended records."""
    from ldt.pipeline.mended import PREFIX

    digest = files.digest_of(path)
    return SourceObject(digest, f"{PREFIX}{path.name}", path.stat().st_size, "application/jsonl", True)


def _source_object(source: Path | Fetched, resource: Resource, recipe: Recipe) -> SourceObject:
    """Return what is kept of a file; one out of a service is known by the request that it answers."""
    name = resource.name
    if not isinstance(source, Path):
        name = source.url if resource.path == source.path else f"{source.url}#{resource.name}"
    return SourceObject(
        digest=resource.digest,
        name=name,
        size=resource.size,
        media_type=resource.media_type,
        kept=recipe.source.keep,
    )


def _run(
    load: Load,
    recipe: Recipe,
    resources: Sequence[Resource],
    objects: Sequence[SourceObject],
    context: Context,
    progress: Progress | None,
    mended: Mended,
) -> None:
    """Harmonise and load side by side: while the database takes one chunk in, the next is made."""
    worker = harmoniser(recipe, context)
    seen: set[str] = set()
    # The cells of a coverage are read while it is loaded, from a file that is open until the next chunk.
    ahead = 0 if recipe.coverage else _CHUNKS_AHEAD
    with rarely_collected(), ThreadPoolExecutor(1, thread_name_prefix="load") as pool:
        pending: deque[Future[None]] = deque()
        # What is mended by hand is the last of the objects, and was read before.
        for resource, source in zip(resources, objects, strict=False):
            if source.digest in seen:  # the same bytes given twice are one source
                continue
            seen.add(source.digest)
            before = load.tally.read
            batches = opened(recipe, resource)
            if source.digest in mended:
                from ldt.pipeline.mended import with_mended

                batches = with_mended(batches, mended[source.digest], recipe.source.options)
            chunks = worker.batches(batches)
            with _explained([resource]):
                for chunk in _located(chunks, resource):
                    load.tally.add(chunk.tally)
                    _add_crs(load.crs, chunk, resource.name)
                    pending.append(pool.submit(_load_chunk, load, source, chunk))
                    if len(pending) > ahead:
                        pending.popleft().result()
                    if progress:
                        progress(resource.name, load.tally.read)
            if load.tally.read == before and (document := _document(resource)):
                raise SourceError(document.why, where=resource.name)
        for future in pending:
            future.result()


def opened(recipe: Recipe, resource: Resource) -> Iterator[Batch] | Iterator[Raster]:
    """Yield what a recipe's reader makes of one file: batches of records, or its raster."""
    options = {k: v for k, v in recipe.source.options.items() if k != "member"}
    read = sources.read_raster if recipe.coverage else sources.read_resource
    return read(recipe.source.reader, resource, options)


@contextmanager
def _explained(resources: Sequence[Resource]) -> Iterator[None]:
    """Where a file cannot be read, say what it is, if it is known and holds nothing to ingest."""
    try:
        yield
    except SourceError as e:
        for resource in resources:
            if document := _document(resource):
                raise SourceError(document.why, where=resource.name) from e
        raise


def _located(chunks: Iterator[Chunk], resource: Resource) -> Iterator[Chunk]:
    """Let errors name the file that they happened in."""
    try:
        yield from chunks
    except LdtError as e:
        if e.where is None:
            e.where = resource.name
        elif resource.name not in e.where:
            e.where = f"{resource.name}: {e.where}"
        raise


def _document(resource: Resource) -> Document | None:
    """Return what a file is, if it is one that holds no records."""
    # It knows all readers, whose libraries take a second to load.
    from ldt.sources.recognise import recognised

    return recognised(resource.path)


def _load_chunk(load: Load, source: SourceObject, chunk: Chunk) -> None:
    source_id = load.source(source)
    batch = chunk.features if chunk.features is not None else chunk.observations
    for coverage in chunk.coverages:
        cast("CoverageRows", load.rows).add(coverage, source_id)
    if isinstance(load.rows, FeatureRows | ObservationRows) and batch is not None and batch.num_rows:
        load.rows.add(batch, source_id, chunk.datastreams)
    load.outcomes(chunk.outcomes, source_id)


def _add_crs(known: list[dict[str, Any]], chunk: Chunk, source: str) -> None:
    for entry in chunk.crs:
        named = {"source": source, **entry}
        if named not in known:
            known.append(named)


def _doubts(crs: Sequence[dict[str, Any]]) -> str | None:
    """Return what is doubtful of the CRS that a version met."""
    return _lines(*(f"in doubt: {entry['doubt']}" for entry in crs if entry.get("doubt")))


def _lines(*said: str | None) -> str | None:
    """Return several things that were said, a line each, none of them twice."""
    return "\n".join(dict.fromkeys(one for one in said if one)) or None


def _current_version(conn: psycopg.Connection[Any], dataset_id: int) -> int:
    row = conn.execute("SELECT max(version) FROM ldt.version WHERE dataset_id = %s", (dataset_id,)).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def current(conn: psycopg.Connection[Any], dataset_id: int, name: str, key: VersionKey) -> Ingested | None:
    """Return what the current version is if it was made of the very same key, else None."""
    row = conn.execute(
        "SELECT v.version, v.revision, v.read, v.accepted, v.repaired, v.rejected, v.duplicate, v.outside, v.derived,"
        " v.missing, v.rows, v.crs, upper_inf(d.removed) FROM ldt.version v JOIN ldt.dataset d ON d.id = v.dataset_id"
        " WHERE v.dataset_id = %s AND v.version = d.current_version AND v.key = %s",
        (dataset_id, key.digest),
    ).fetchone()
    if row is None or row[-1]:
        return None
    tally = Tally(*row[2:10])
    names = [s.name for s in key.sources]
    return Ingested(name, row[0], row[1], True, tally, Changes(rows=row[10]), names, _doubts(row[11]))
