"""How long a wait may last before it is taken for a hang. Nothing is judged by it: it ends what would never end."""

PATIENCE = 1200
"""Seconds."""
