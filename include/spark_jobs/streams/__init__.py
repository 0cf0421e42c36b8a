"""Streams in Spark: a query for each, all of a pipeline in one application."""
