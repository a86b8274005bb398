"""See docs/architecture.md: the room `inference`."""
