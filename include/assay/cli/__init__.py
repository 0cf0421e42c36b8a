"""The command line: `assay`. Each module registers the commands of one subject."""
