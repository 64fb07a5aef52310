"""Runs `sql/0003_gis.sql`."""

from ldt.store.migrate import run_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Bring the schema to this revision."""
    run_sql("0003_gis.sql")
