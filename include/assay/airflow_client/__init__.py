"""Airflow by its own API, as a user has it: runs that are started, followed and cleared."""
