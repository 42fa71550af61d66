"""One short file a Spark job."""
