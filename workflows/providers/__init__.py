"""Models of the outside world. Nothing here is called without a permit, and permits are made in runs/governed.py."""
