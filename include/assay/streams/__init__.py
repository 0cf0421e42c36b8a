"""Streams: from a delivered file or a Kafka record to a row of `live`, exactly once."""
