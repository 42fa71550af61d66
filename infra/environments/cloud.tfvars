# AWS. Names are those of profiles/cloud.toml (a test compares them); the account's number is put behind buckets' names.
environment        = "cloud"
profile            = "cloud"
region             = "us-east-1"
trades_stream      = "trades"
dead_letter_stream = "trades-dlq"
shards             = 0
database           = "crypto_pulse"
alerts_table       = "alerts"
metrics_table      = "metrics"
api_package        = "../dist/api.zip"
batch_package      = "../dist/batch.zip"

buckets = {
  raw         = "crypto-pulse-raw"
  processed   = "crypto-pulse-processed"
  checkpoints = "crypto-pulse-checkpoints"
  artifacts   = "crypto-pulse-artifacts"
  audit       = "crypto-pulse-audit"
  site        = "crypto-pulse-site"
}
