"""Runs `sql/0005_retention.sql`."""

from ldt.store.migrate import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Bring the schema to this revision."""
    run_sql("0005_retention.sql")
