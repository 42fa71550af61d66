module "kms" {
  source = "./modules/kms"

  name                 = local.name
  deletion_window_days = var.disposable ? 7 : 30
}

module "iam" {
  source = "./modules/iam"

  name    = local.name
  account = local.account
  roles   = local.roles
}

module "network" {
  source = "./modules/network"

  name      = local.name
  streaming = var.streaming
}

module "kinesis" {
  source = "./modules/kinesis"

  streams     = var.streaming ? local.stream_names : {}
  shards      = var.shards
  kms_key_arn = module.kms.arn
}

module "s3_lakehouse" {
  source = "./modules/s3-lakehouse"

  buckets       = { for use, name in local.buckets : use => name if use != "site" }
  kms_key_arn   = module.kms.arn
  trail_arn     = local.trail_arn
  force_destroy = var.disposable
}

module "glue" {
  source = "./modules/glue"

  database = var.database
  bucket   = module.s3_lakehouse.names.processed
}

module "athena" {
  source = "./modules/athena"

  name           = local.name
  database       = module.glue.database
  results_bucket = module.s3_lakehouse.names.artifacts
  kms_key_arn    = module.kms.arn
  force_destroy  = var.disposable

  queries = {
    for file in fileset("${path.module}/queries", "*.sql") :
    trimsuffix(file, ".sql") => templatefile("${path.module}/queries/${file}", local.query_values)
  }
}

module "dynamodb" {
  source = "./modules/dynamodb"

  alerts_table        = var.alerts_table
  metrics_table       = var.metrics_table
  kms_key_arn         = module.kms.arn
  deletion_protection = !var.disposable
}

module "emr_serverless" {
  source = "./modules/emr-serverless"

  name               = local.name
  type               = var.emr.type
  release            = var.emr.release
  architecture       = var.emr.choose_architecture ? var.architecture : null
  max_vcpu           = var.emr.max_vcpu
  max_memory_gb      = var.emr.max_memory_gb
  prewarm_schedule   = var.emr.prewarm_schedule
  warm               = var.streaming
  subnets            = module.network.private_subnets
  security_group     = module.network.jobs_security_group
  scheduler_role_arn = module.iam.arns.scheduler-role
  kms_key_arn        = module.kms.arn
}

module "producer" {
  source = "./modules/producer"

  name               = "${local.name}-producer"
  region             = var.region
  image_tag          = var.image_tag
  environment        = local.environment
  streaming          = var.streaming
  vpc                = module.network.vpc
  subnet             = module.network.public_subnet
  task_role_arn      = module.iam.arns.producer-role
  execution_role_arn = module.iam.arns.producer-start-role
  kms_key_arn        = module.kms.arn
  force_destroy      = var.disposable
}

module "api" {
  source = "./modules/api"

  name             = "${local.name}-api"
  package          = var.api_package
  environment      = merge(local.packed, { CTC_API__CORS_ORIGINS = module.dashboard.url })
  architecture     = lower(var.architecture)
  role_arn         = module.iam.arns.lambda-api-role
  logging_role_arn = module.iam.arns.api-logs-role
  kms_key_arn      = module.kms.arn
  max_concurrency  = var.reserve_concurrency ? 20 : -1
}

module "dashboard" {
  source = "./modules/dashboard"

  name            = "${local.name}-dashboard"
  bucket          = local.buckets.site
  api_origin      = local.api_origin
  cache_policy_id = var.cache_policy_id
}

module "stepfunctions" {
  source = "./modules/stepfunctions"

  name               = "${local.name}-batch"
  package            = var.batch_package
  instead_of_emr     = var.instead_of_emr
  environment        = local.packed
  architecture       = lower(var.architecture)
  max_concurrency    = var.reserve_concurrency ? 2 : -1
  application_id     = module.emr_serverless.id
  job_role_arn       = module.iam.arns.emr-execution-role
  job_log_group      = module.emr_serverless.log_group
  entry_point        = "${local.code}/jobs/run.py"
  spark_properties   = local.spark_properties
  topic_arn          = module.monitoring.topics.alarms
  role_arn           = module.iam.arns.batch-machine-role
  function_role_arn  = module.iam.arns.batch-tasks-role
  scheduler_role_arn = module.iam.arns.scheduler-role
  kms_key_arn        = module.kms.arn
}

module "lakeformation" {
  source = "./modules/lakeformation"

  bucket_arn   = module.s3_lakehouse.arns.processed
  database     = module.glue.database
  admins       = length(var.lake_admins) > 0 ? var.lake_admins : [data.aws_caller_identity.here.arn]
  tables       = var.lake_tables
  trail_name   = local.name
  audit_bucket = module.s3_lakehouse.names.audit
  kms_key_arn  = module.kms.arn

  readers = {
    emr-execution-role  = { role_arn = module.iam.arns.emr-execution-role, writes = true }
    data-scientist-role = { role_arn = module.iam.arns.data-scientist-role }
    analyst-role        = { role_arn = module.iam.arns.analyst-role, payload_hidden = true }
    lambda-api-role     = { role_arn = module.iam.arns.lambda-api-role, tables = ["anomalies", "quality", "spreads", "volume_aggregates"] }
  }
}

module "monitoring" {
  source = "./modules/monitoring"

  name               = local.name
  region             = var.region
  account            = local.account
  database           = var.database
  streams            = local.stream_names
  api_name           = "${local.name}-api"
  api_url            = module.api.url
  application_id     = module.emr_serverless.id
  cluster            = module.producer.cluster
  service            = module.producer.service
  billing_alarms     = var.billing_alarms
  email              = var.alarm_email
  package            = var.api_package
  environment        = local.packed
  architecture       = lower(var.architecture)
  max_concurrency    = var.reserve_concurrency ? 1 : -1
  auto_stop_role_arn = module.iam.arns.auto-stop-role
  kms_key_arn        = module.kms.arn
}
