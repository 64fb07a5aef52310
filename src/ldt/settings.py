"""Settings, read from the environment once per process; each is a field of :class:`Settings`."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import platformdirs
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def _default_data_dir() -> Path:
    # The `postgres` user, as which a private cluster runs when we are root, cannot read root's home.
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/ldt")
    return Path(platformdirs.user_data_dir("ldt"))


class Settings(BaseSettings):
    """What can be set from outside, each as `LDT_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="LDT_", env_ignore_empty=True)

    data_dir: Path = Field(
        default_factory=_default_data_dir, description="Where the private database and the files live."
    )
    database_url: str | None = Field(
        None, description="A PostgreSQL address to use instead of the private database (`postgresql://…`)."
    )
    pg_bindir: Path | None = Field(
        None, description="The folder of PostgreSQL's programs, where they are not found."
    )
    id_base: str = Field(
        "https://example.org/ldt",
        description="What the persistent identifiers begin with (`{id_base}/id/…`).",
    )
    service_url: str | None = Field(
        None, description="The public address of the service, where a proxy hides it."
    )
    statement_timeout: float = Field(
        30.0, description="Seconds that one statement of the API may take.", gt=0
    )
    workers: int = Field(
        default_factory=lambda: min(os.cpu_count() or 1, 4),
        description="Processes that read one large file side by side; 1 reads it in the process that asks.",
        gt=0,
    )
    max_limit: int = Field(10_000, description="The largest `limit` of a page; more is cut to it.", gt=0)
    max_bulk_limit: int = Field(
        1_000_000,
        description="The largest `limit` of CSV, FlatGeobuf and GeoParquet; more is cut to it.",
        gt=0,
    )
    bulk_timeout: int = Field(
        600, description="Seconds that one statement of an answer in those forms may take.", gt=0
    )
    tile_cache_bytes: int = Field(
        64 * 1024**2, description="Bytes of packed tiles that a process keeps; 0 keeps none.", ge=0
    )
    max_source_bytes: int = Field(
        20 * 1024**3, description="The largest size, unpacked, of one source.", gt=0
    )
    max_unpack_ratio: int = Field(
        200, description="How many times larger than its archive a member may unpack.", gt=0
    )

    service_cache_bytes: int = Field(
        10 * 1024**3,
        description="How much of what live services answered is kept to be asked for less.",
        gt=0,
    )

    @field_validator("id_base", "service_url")
    @classmethod
    def _no_trailing_slash(cls, value: str | None) -> str | None:
        return value.rstrip("/") if value else value


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of this process; `settings.cache_clear()` reads the environment anew."""
    return Settings()


def shipped(kind: str) -> Path:
    """Return the folder of shipped data of a kind: `schemas`, `connectors` or `web`.

    In an installed wheel they lie in the package, in a working copy beside `src`.
    """
    package = Path(__file__).parent
    inside = package / "_data" / kind
    return inside if inside.is_dir() else package.parents[1] / kind
