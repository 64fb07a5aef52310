"""Alembic's environment. Each revision runs one numbered SQL file."""
