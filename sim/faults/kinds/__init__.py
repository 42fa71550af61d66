"""The faults, one module each: a new one is a new file here."""
