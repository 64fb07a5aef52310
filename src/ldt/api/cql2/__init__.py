"""CQL2 (OGC 21-065r2): what the service says of it; the parameters are in `api.filters`, the language in `store.cql2`."""
