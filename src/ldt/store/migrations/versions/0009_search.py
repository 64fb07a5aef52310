"""Runs `sql/0009_search.sql`."""

from ldt.store.migrate import run_sql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Bring the schema to this revision."""
    run_sql("0009_search.sql")
