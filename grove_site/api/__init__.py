"""The API's description, its pages, and the words behind its problem types."""
