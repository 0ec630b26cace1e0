"""What `manage.py up` brings along: a PostgreSQL, a model server, and the supervisor of all processes."""
