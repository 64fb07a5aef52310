"""A twin from its manifest: data sets in, then indicators. Run again, it does only what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

from ldt.errors import LdtError
from ldt.pipeline.fetch import Told, sources_of
from ldt.pipeline.ingest import Ingested, Progress, ingest
from ldt.pipeline.manifest import Listed, Manifest, load_manifest, resolve
from ldt.pipeline.recompute import recompute
from ldt.store import twins
from ldt.store.connect import connect, translated
from ldt.timerange import Period, parse_period

#: Told what begins: (what it is, how many of how many).
Step = Callable[[str, int, int], None]


@dataclass(slots=True)
class Built:
    """What a build did. A data set that failed does not stop the others; `errors` has its name and the error."""

    twin: str
    revision: int = 0
    datasets: list[Ingested] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    errors: list[tuple[str, LdtError]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return a JSON-ready form."""
        return {
            "twin": self.twin,
            "revision": self.revision,
            "datasets": [d.summary() for d in self.datasets],
            "indicators": self.runs,
            "errors": [{"dataset": name, **error.problem()} for name, error in self.errors],
        }


def build(
    url: str,
    path: Path,
    *,
    step: Step | None = None,
    progress: Progress | None = None,
    told: Told | None = None,
    offline: bool = False,
) -> Built:
    """Create or update a twin from a manifest.

    Args:
        url: address of a migrated database.
        path: the manifest.
        step: told what begins.
        progress: told how many records were read.
        told: told of each answer of a live service.
        offline: take what was fetched of live services before.

    Raises:
        LdtError: the manifest is wrong, the database cannot be used, or the boundary cannot be read.
    """
    manifest = load_manifest(path)
    listed = resolve(manifest, path.parent)
    built = Built(manifest.twin)
    tell = step or (lambda what, done, of: None)
    with connect(url, application="ldt twin build") as conn:
        twin_id = twins.put_twin(
            conn,
            manifest.twin,
            title=manifest.title,
            description=manifest.description,
            scale=manifest.scale,
            buffer_m=manifest.buffer_m,
            manifest=manifest.model_dump(mode="json", exclude_unset=True),
        )
        for number, entry in enumerate(listed):
            tell(entry.name, number, len(listed) + 1)
            is_boundary = entry.name == manifest.boundary
            try:
                paths = sources_of(
                    url,
                    manifest.twin,
                    entry.recipe,
                    entry.sources,
                    layer=entry.layer,
                    period=_span(manifest),
                    everywhere=is_boundary,
                    offline=offline,
                    told=told,
                )
                done = ingest(
                    url,
                    manifest.twin,
                    entry.recipe,
                    paths,
                    name=entry.name,
                    everywhere=is_boundary,
                    progress=progress,
                )
            except LdtError as e:
                if is_boundary:  # without it nothing else would be kept rightly
                    raise
                built.errors.append((entry.name, e))
                continue
            built.datasets.append(done)
            if is_boundary:
                with translated(), conn.transaction():
                    twins.set_boundary(conn, twin_id, _dataset_id(conn, twin_id, entry))
        tell("indicators", len(listed), len(listed) + 1)
        if manifest.periods:
            built.runs = recompute(url, manifest.twin, manifest.indicators)
        row = conn.execute("SELECT revision FROM ldt.twin WHERE id = %s", (twin_id,)).fetchone()
        built.revision = row[0] if row else 0
    return built


def _span(manifest: Manifest) -> Period | None:
    """Return the period of observations that live services are asked for: from the first period of the manifest to the last.

    A day more at both ends, since a day of the twin's zone begins on another one in UTC.
    """
    periods = [parse_period(text, UTC) for text in manifest.periods]
    if not periods:
        return None
    day = timedelta(days=1)
    return Period("", min(p.start for p in periods) - day, max(p.end for p in periods) + day)


def _dataset_id(conn: Any, twin_id: int, entry: Listed) -> int:
    row = conn.execute(
        "SELECT id FROM ldt.dataset WHERE twin_id = %s AND name = %s", (twin_id, entry.name)
    ).fetchone()
    return int(row[0])
