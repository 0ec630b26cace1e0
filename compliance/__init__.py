"""What the rules say: labels, policies, decisions about actions, and the disposal of records."""
