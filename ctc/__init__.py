"""Coat Tail Capital: public trades in; alerts, tables and their lineage out."""

__version__ = "0.1.0"
