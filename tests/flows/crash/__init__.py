"""Workers killed at random over graphs made at random: what drives it, and what must hold afterwards."""
