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

  # What is packed for Lambda finds its services as AWS's SDK does, whatever the profile says: it is packed without what only emulators need.
  packed = merge(local.environment, { CTC_AWS__ENDPOINT = "" })
}

# What a job run is given, whoever starts it: the same as ctc/aws/job_runs.py asks for (a test compares them).
locals {
  code   = "s3://${local.buckets.artifacts}/code"
  python = "./environment/bin/python"
  jars   = ["org.apache.iceberg_iceberg-aws-bundle-1.11.0.jar", "org.apache.iceberg_iceberg-spark-runtime-4.1_2.13-1.11.0.jar"]

  job_environment = merge(local.environment, { CTC_STATE = "/tmp/ctc", PYSPARK_PYTHON = local.python })

  spark_properties = merge(
    {
      "spark.archives"                                       = "${local.code}/environment.tar.gz#environment"
      "spark.jars"                                           = join(",", [for name in local.jars : "${local.code}/jars/${name}"])
      "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON" = local.python
      "spark.executor.instances"                             = "1"
      "spark.dynamicAllocation.maxExecutors"                 = "3"
    },
    { for name, value in local.job_environment : "spark.emr-serverless.driverEnv.${name}" => value },
    { for name, value in local.job_environment : "spark.executorEnv.${name}" => value },
    { for pair in setproduct(["driver", "executor"], [["cores", "2"], ["memory", "3g"], ["memoryOverhead", "1g"]]) : "spark.${pair[0]}.${pair[1][0]}" => pair[1][1] },
  )
}

locals {
  # What `ctc start`, `stop`, `status` and `ready` must be told to find it: identifiers of resources (ctc/aws/deployment.py).
  made = {
    alarm_prefix     = "${var.database}-"
    api_url          = module.api.url
    application_id   = module.emr_serverless.id
    artifacts_bucket = module.s3_lakehouse.names.artifacts
    cluster          = module.producer.cluster
    dashboard_bucket = module.dashboard.bucket
    dashboard_url    = module.dashboard.url
    distribution     = module.dashboard.distribution
    image            = "${module.producer.repository}:${var.image_tag}"
    job_log_group    = module.emr_serverless.log_group
    job_role_arn     = module.iam.arns.emr-execution-role
    service          = module.producer.service
  }
}

resource "aws_ssm_parameter" "made" {
  for_each = local.made

  name        = "/${local.name}/made/${each.key}"
  description = "What was made, for the command line; no secret"
  type        = "String"
  value       = each.value
}

resource "aws_ssm_parameter" "settings" {
  for_each = local.settings

  name        = "/${local.name}/settings/${each.key}"
  description = "A setting of the profile ${var.profile}; no secret"
  type        = "String"
  value       = each.value
}
