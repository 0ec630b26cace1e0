"""Who and whose: tenants, people, keys, secrets and the ledger."""
