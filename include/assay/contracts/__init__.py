"""Contracts: what is agreed about each table, read from YAML and held as frozen dataclasses."""
