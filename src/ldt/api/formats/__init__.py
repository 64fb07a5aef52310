"""Forms of items beside GeoJSON and HTML: JSON-FG, and for bulk CSV, FlatGeobuf and GeoParquet."""
