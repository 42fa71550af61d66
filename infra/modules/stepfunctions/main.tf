# One definition and the same functions for every place. Where EMR Serverless is not there, what takes its place are functions too.
locals {
  handlers = {
    HistoricalLoad   = "ctc.daily.handlers.load"
    RunQualityChecks = "ctc.daily.handlers.check"
    UpdateCatalog    = "ctc.daily.handlers.catalog"
    PublishMetrics   = "ctc.daily.handlers.publish"
  }

  functions = merge(
    { for state, handler in local.handlers : state => { handler = handler, package = var.package } },
    { for state, handler in var.instead_of_emr.handlers : state => { handler = handler, package = var.instead_of_emr.package } },
  )

  emr_tasks = {
    SubmitSparkJob = "arn:aws:states:::emr-serverless:startJobRun"
    PollJob        = "arn:aws:states:::aws-sdk:emrserverless:getJobRun"
  }

  tasks = merge(local.emr_tasks, { for name, function in aws_lambda_function.task : name => function.arn })
}

resource "aws_lambda_function" "task" {
  for_each = local.functions

  function_name                  = "${var.name}-${each.key}"
  description                    = "${each.key} of the daily batch"
  role                           = var.function_role_arn
  handler                        = each.value.handler
  runtime                        = "python3.13"
  architectures                  = [var.architecture]
  filename                       = each.value.package
  source_code_hash               = filebase64sha256(each.value.package)
  memory_size                    = 2048 # the ids of a day of 4 million trades take 0.75 GB
  timeout                        = 900
  reserved_concurrent_executions = var.max_concurrency
  kms_key_arn                    = var.kms_key_arn

  environment {
    variables = var.environment
  }

  tracing_config {
    mode = "Active"
  }

  depends_on = [aws_cloudwatch_log_group.task]
}

resource "aws_cloudwatch_log_group" "task" {
  for_each = local.functions

  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = 365
  kms_key_id        = var.kms_key_arn
}

resource "aws_cloudwatch_log_group" "machine" {
  name              = "/aws/vendedlogs/states/${var.name}"
  retention_in_days = 365
  kms_key_id        = var.kms_key_arn
}

resource "aws_sfn_state_machine" "this" {
  name     = var.name
  role_arn = var.role_arn

  definition = templatefile("${path.module}/batch.asl.json", {
    tasks            = local.tasks
    application_id   = var.application_id
    job_role_arn     = var.job_role_arn
    job_log_group    = var.job_log_group
    entry_point      = var.entry_point
    spark_properties = jsonencode(var.spark_properties)
    topic_arn        = var.topic_arn
    poll_s           = var.poll_s
  })

  logging_configuration {
    log_destination        = "${aws_cloudwatch_log_group.machine.arn}:*"
    include_execution_data = true
    level                  = "ERROR"
  }

  tracing_configuration {
    enabled = true
  }
}

# The scheduled time names the day before it, which the batch is about: the same schedule fired twice does the same day again.
resource "aws_scheduler_schedule" "daily" {
  name                         = var.name
  description                  = "The daily batch"
  schedule_expression          = var.schedule
  schedule_expression_timezone = "UTC"
  kms_key_arn                  = var.kms_key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_sfn_state_machine.this.arn
    role_arn = var.scheduler_role_arn
    input    = jsonencode({ scheduled = "<aws.scheduler.scheduled-time>" })
  }
}
