"""The core of Assay: everything that needs neither Airflow nor Spark."""
