"""The service: the standards that are mounted, and what they share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from ldt import __version__
from ldt.api import errors
from ldt.api.collections import collections
from ldt.api.context import Service
from ldt.api.coverages import coverages
from ldt.api.cql2 import cql2
from ldt.api.datasets import datasets
from ldt.api.dpsir import dpsir
from ldt.api.edr import edr
from ldt.api.features import features
from ldt.api.http import PlainAddresses
from ldt.api.indicators import indicators
from ldt.api.leaving import Leaving
from ldt.api.map import pages as map_pages
from ldt.api.negotiate import FLATGEOBUF, PARQUET
from ldt.api.observations import observations
from ldt.api.records import records
from ldt.api.remembered import Memory
from ldt.api.security import Caller, everyone
from ldt.api.service import service
from ldt.api.standard import Standard
from ldt.api.tiles import maps, tiles
from ldt.api.twin import twin
from ldt.api.vocabularies import vocabularies
from ldt.settings import settings
from ldt.store.connect import pool
from ldt.store.statements import Statements

#: What is served unless something else is asked for. Nothing else lists the standards.
STANDARDS: tuple[Standard, ...] = (
    records.STANDARD,  # two addresses within those of features
    features.STANDARD,  # asked most, so looked at first
    service.STANDARD,
    twin.STANDARD,
    collections.STANDARD,
    cql2.STANDARD,
    edr.STANDARD,
    tiles.STANDARD,
    maps.STANDARD,
    observations.STANDARD,
    indicators.STANDARD,
    coverages.STANDARD,
    datasets.STANDARD,
    records.CATALOGUE,
    dpsir.STANDARD,
    map_pages.STANDARD,
    vocabularies.STANDARD,
)


def create_app(
    url: str | None = None,
    *,
    standards: Sequence[Standard] = STANDARDS,
    caller: Caller = everyone,
    connections: int = 16,
) -> FastAPI:
    """Return the application. Nothing is read from the database before the first request.

    Args:
        url: address of the database; without it `LDT_DATABASE_URL`, else the private database, which is started.
        standards: what is mounted; the conformance classes are those of these.
        caller: tells what the caller of a request may see.
        connections: how many the process opens at most, and half as many for statements without a thread. A request waits five seconds for one, then gets 503.

    Raises:
        StoreError: no address is given and there is no private database.
    """
    if url is None:
        from ldt.store.cluster import database_url

        url = database_url()
    timeout = settings().statement_timeout
    connection_pool = pool(url, statement_timeout=timeout, size=connections)
    statements = Statements(url, statement_timeout=timeout, size=max(connections // 2, 2))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Without waiting: the service also starts while the database is away, and says so.
        await anyio.to_thread.run_sync(lambda: connection_pool.open(wait=False))
        try:
            yield
        finally:
            statements.close()
            await anyio.to_thread.run_sync(connection_pool.close)

    app = FastAPI(
        title=service.TITLE,
        version=__version__,
        description="Data of local digital twins through open standards.",
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = Service(connection_pool, caller, tuple(standards), statements, Memory())
    for standard in standards:
        app.include_router(standard.router)
    errors.install(app)
    # The last one added is the first to see a request.
    app.add_middleware(
        GZipMiddleware,
        minimum_size=2000,
        compresslevel=3,
        exclude_content_types=(
            *DEFAULT_EXCLUDED_CONTENT_TYPES,
            FLATGEOBUF.media_type,
            PARQUET.media_type,
            "image/tiff",
        ),
    )
    app.add_middleware(Leaving)
    app.add_middleware(PlainAddresses)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "HEAD", "OPTIONS"],
        allow_headers=["*"],
        expose_headers=["Content-Crs", "ETag", "Link", "Retry-After"],
        max_age=86400,
    )
    return app
