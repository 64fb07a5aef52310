"""The service itself: its landing page, its health, its description."""
