"""Silver: one module per dataset, with the rules that its contract cannot state."""
