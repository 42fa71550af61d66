data "aws_caller_identity" "here" {}

locals {
  name    = "${var.project}-${var.environment}"
  account = data.aws_caller_identity.here.account_id
  suffix  = var.buckets_end_with_account ? "-${local.account}" : ""
  buckets = { for use, name in var.buckets : use => "${name}${local.suffix}" }
  tags    = { Project = var.project, Environment = var.environment, ManagedBy = "terraform" }

  # Streams come and go; who may use them does not.
  stream_names = { trades = var.trades_stream, dead_letters = var.dead_letter_stream }
  stream_arns  = { for use, name in local.stream_names : use => "arn:aws:kinesis:${var.region}:${local.account}:stream/${name}" }
  trail_arn    = "arn:aws:cloudtrail:${var.region}:${local.account}:trail/${local.name}"
  api_origin   = "https://${module.api.id}.execute-api.${var.region}.amazonaws.com"

  # What stands in the named queries until whoever runs one writes something else: the values of ctc/aws/named.py.
  query_values = {
    database = var.database
    since    = "current_timestamp - INTERVAL '1' DAY"
    snapshot = "123456789"
    moment   = "TIMESTAMP '2026-11-01 00:00:00 UTC'"
  }

  # What the code must be told to find what is made here: dotted keys of the profile.
  settings = merge({
    "aws.account"         = local.account
    "aws.region"          = var.region
    "stream.trades"       = var.trades_stream
    "stream.dead_letters" = var.dead_letter_stream
    "stream.shards"       = tostring(var.shards)
    "lake.database"       = var.database
    "lake.bucket"         = local.buckets.processed
    "lake.raw_bucket"     = local.buckets.raw
    "tables.alerts"       = var.alerts_table
    "tables.metrics"      = var.metrics_table
    "spark.checkpoints"   = "s3://${local.buckets.checkpoints}"
  }, var.settings)

  environment = merge(
    { CTC_PROFILE = var.profile },
    { for key, value in local.settings : "CTC_${upper(replace(key, ".", "__"))}" => value },
  )
}

resource "aws_ssm_parameter" "settings" {
  for_each = local.settings

  name        = "/${local.name}/settings/${each.key}"
  description = "A setting of the profile ${var.profile}; no secret"
  type        = "String"
  value       = each.value
}
