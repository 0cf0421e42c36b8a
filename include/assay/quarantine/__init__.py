"""Quarantine: which rows are in it, and the recorded movements by which they leave."""
