"""Training of networks that name a whole clip."""
