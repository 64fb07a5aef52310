"""Runs `sql/0007_reading.sql`."""

from ldt.store.migrate import run_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Bring the schema to this revision."""
    run_sql("0007_reading.sql")
