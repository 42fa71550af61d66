"""Reading the session's stream shard by shard, whichever stream it is: `ctc.wiring` picks the shards, `ctc.aws`' or `ctc.kafka`'s."""
