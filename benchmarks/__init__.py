"""Measurements. Each is a command that prints a table, its ratios and its limits; `--json` for machines."""
