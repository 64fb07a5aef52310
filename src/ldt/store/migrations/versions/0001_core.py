"""Runs `sql/0001_core.sql`."""

from ldt.store.migrate import run_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Bring the schema to this revision."""
    run_sql("0001_core.sql")
