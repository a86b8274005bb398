"""Published networks that the paper's are measured against, each in a file of its own."""
