"""The service: features, observations, indicators and what is known of them, over HTTP. One folder per standard."""
