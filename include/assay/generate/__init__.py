"""Generators of landing files, each with a truth file: what the pipeline must make of them."""
