"""The tables that readers of Postgres see, made and kept as contracts and migrations say."""
