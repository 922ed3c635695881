"""What the policy says: policies as YAML, the book they stand in, and how one is weighed.

Run from the command line: ``priorauth policies``. No I/O after loading; no clock.
"""
