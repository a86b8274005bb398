"""See docs/architecture.md: the room `core`."""
