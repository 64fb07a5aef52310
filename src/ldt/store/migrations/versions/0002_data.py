"""Runs `sql/0002_data.sql`."""

from ldt.store.migrate import run_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Bring the schema to this revision."""
    run_sql("0002_data.sql")
