"""The steps of the daily batch around its Spark job; each is about one day (UTC), and may be done again."""
