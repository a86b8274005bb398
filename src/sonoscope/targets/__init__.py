"""See docs/architecture.md: the room `targets`."""
