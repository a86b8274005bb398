"""See docs/architecture.md: the room `training`."""
