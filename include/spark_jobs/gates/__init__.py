"""The steps of a batch that judge: they read, ask Great Expectations, and write no table."""
