# The emulators (`make infra-sim`): MiniStack, and moto for EMR Serverless and Lake Formation. Names are those of profiles/sim.toml.
environment              = "sim"
profile                  = "sim"
region                   = "us-east-1"
streaming                = true
trades_stream            = "trades"
dead_letter_stream       = "trades-dlq"
shards                   = 2
database                 = "crypto_pulse"
alerts_table             = "alerts"
metrics_table            = "metrics"
buckets_end_with_account = false
disposable               = true
api_package              = "sim/api.zip"
batch_package            = "sim/batch.zip"
reserve_concurrency      = false
architecture             = "X86_64"

buckets = {
  raw         = "crypto-pulse-raw"
  processed   = "crypto-pulse-processed"
  checkpoints = "crypto-pulse-checkpoints"
  artifacts   = "crypto-pulse-artifacts"
  audit       = "crypto-pulse-audit"
  site        = "crypto-pulse-site"
}

# moto knows neither EMR's new labels nor architectures.
emr = {
  release             = "emr-7.9.0"
  type                = "SPARK"
  choose_architecture = false
}

# A job run is a process of this machine: infra/sim/tasks.py.
instead_of_emr = {
  package  = "sim/tasks.zip"
  handlers = { SubmitSparkJob = "tasks.submit", PollJob = "tasks.poll" }
}
