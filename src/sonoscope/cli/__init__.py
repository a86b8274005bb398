"""See docs/architecture.md: the room `cli`."""
