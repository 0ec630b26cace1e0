"""What can be wrong with a definition beyond its form: its graph, its references, what it relies on. Pure."""
