"""Gold: one module per table, with its grain and its summary."""
