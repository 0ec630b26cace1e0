"""A tenant to try Grove with: invented people, invented letters, two workflows, the embedded model."""
