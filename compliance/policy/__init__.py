"""May this action happen? A pure decision: an action and facts go in, a verdict comes out."""
