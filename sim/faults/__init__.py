"""The fault harness: sessions that are disturbed on purpose, compared with undisturbed ones of the same seed (docs/FAULTS.md).

`kinds/` has one module a fault; a new fault is a new file there, found by `registry`.
"""
