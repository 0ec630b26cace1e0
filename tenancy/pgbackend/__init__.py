"""A database backend that tells PostgreSQL whose data a statement may see."""
