"""What programs see of this floor."""
