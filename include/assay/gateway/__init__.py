"""The HTTP gateway: producers post records, and get a receipt once these are safe in landing."""
