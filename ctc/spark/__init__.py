"""Spark: the session, the Kinesis source, the two streaming queries and their sinks."""
