"""What machines did."""
