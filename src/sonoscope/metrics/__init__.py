"""See docs/architecture.md: the room `metrics`."""
