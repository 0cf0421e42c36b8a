"""What a person may have done, as functions that command line, DAGs and others share."""
