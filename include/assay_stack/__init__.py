"""The embedded stack: what starts, watches and examines the parts that the pipeline runs on."""
