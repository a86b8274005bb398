"""See docs/architecture.md: the room `models`."""
