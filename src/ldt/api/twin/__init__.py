"""One twin: a complete landing page of its own."""
