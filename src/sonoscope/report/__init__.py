"""See docs/architecture.md: the room `report`."""
