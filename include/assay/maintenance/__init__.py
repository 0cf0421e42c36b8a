"""Keeping house: what may go, of tables, work folders, the archive and the history of runs."""
