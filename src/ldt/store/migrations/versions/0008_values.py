"""Runs `sql/0008_values.sql`."""

from ldt.store.migrate import run_sql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Bring the schema to this revision."""
    run_sql("0008_values.sql")
