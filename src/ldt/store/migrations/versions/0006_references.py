"""Runs `sql/0006_references.sql`."""

from ldt.store.migrate import run_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Bring the schema to this revision."""
    run_sql("0006_references.sql")
