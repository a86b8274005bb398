"""See docs/architecture.md: the room `simulation`."""
