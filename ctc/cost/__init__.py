"""What the cloud profile would cost: measured figures of a session (`measured-*.json`) times dated list prices (`prices-*.toml`).

Pure functions on plain data; nothing here asks AWS. Dollars are floats: estimates to the cent, never money that is kept.
"""
