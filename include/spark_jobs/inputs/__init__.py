"""What a stage starts from: rows of bronze and silver, and the order of deliveries."""
