"""The model in PostgreSQL and in files: the one place that knows SQL."""
