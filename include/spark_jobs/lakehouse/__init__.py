"""All reading and writing of tables. The only place that writes Delta."""
