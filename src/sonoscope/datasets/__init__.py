"""See docs/architecture.md: the room `datasets`."""
