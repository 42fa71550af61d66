"""Kafka's client side, as `ctc.aws` is AWS'; Spark reads Kafka itself (`ctc.spark.kafka`)."""
