"""See docs/architecture.md: the room `signal`."""
