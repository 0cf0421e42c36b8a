"""A dataset from sample files: what they say of their dialect, columns, keys and bounds.

Nothing here is used at run time: what is found is written into a contract, with its evidence, for
a person to read and change.
"""
