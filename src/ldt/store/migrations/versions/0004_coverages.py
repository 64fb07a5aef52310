"""Runs `sql/0004_coverages.sql`."""

from ldt.store.migrate import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Bring the schema to this revision."""
    run_sql("0004_coverages.sql")
