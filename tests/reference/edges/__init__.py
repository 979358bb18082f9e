"""The rows of `test_edge_cases.py`, by who builds what they are about: each module has `ROWS`, by number."""
