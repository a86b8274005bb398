"""See docs/architecture.md: the room `imaging`."""
