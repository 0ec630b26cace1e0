"""What people author."""
