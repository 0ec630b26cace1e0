"""Deterministic tools. Nothing here is called without a permit, and permits are made in runs/governed.py."""
