"""The revisions of the schema, one for each numbered SQL file."""
