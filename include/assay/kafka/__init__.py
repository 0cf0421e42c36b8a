"""Kafka: where the brokers are, how we log in, and what we ask them for."""
