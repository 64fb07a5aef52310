"""The map: pages for a browser, and the files that they load. Its data come from the public API alone."""
