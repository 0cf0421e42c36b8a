"""What the UI of Airflow shows of us: forms, notes and the documentation of tasks."""
