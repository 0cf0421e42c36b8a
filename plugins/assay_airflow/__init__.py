"""What DAG files may import: the factory, and behind it the operators."""
