# Stops Spark's jobs and the producer when the month's charges pass the last threshold (ctc.aws.auto_stop). Streams and endpoints
# cost until `terraform apply -var streaming=false`.
resource "aws_lambda_function" "auto_stop" {
  function_name                  = "${var.name}-auto-stop"
  description                    = "Stop what costs by the hour"
  role                           = var.auto_stop_role_arn
  handler                        = "ctc.aws.auto_stop.handler"
  runtime                        = "python3.13"
  architectures                  = [var.architecture]
  filename                       = var.package
  source_code_hash               = filebase64sha256(var.package)
  memory_size                    = 512
  timeout                        = 60
  reserved_concurrent_executions = var.max_concurrency
  kms_key_arn                    = var.kms_key_arn

  environment {
    variables = merge(var.environment, {
      CTC_EMR_APPLICATION = var.application_id
      CTC_ECS_CLUSTER     = var.cluster
      CTC_ECS_SERVICE     = var.service
    })
  }

  tracing_config {
    mode = "Active"
  }

  depends_on = [aws_cloudwatch_log_group.auto_stop]
}

resource "aws_cloudwatch_log_group" "auto_stop" {
  name              = "/aws/lambda/${var.name}-auto-stop"
  retention_in_days = 365
  kms_key_id        = var.kms_key_arn
}

resource "aws_sns_topic_subscription" "auto_stop" {
  topic_arn = aws_sns_topic.this["stop"].arn
  protocol  = "lambda"
  endpoint  = aws_lambda_function.auto_stop.arn
}

resource "aws_lambda_permission" "auto_stop" {
  statement_id  = "topic"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.auto_stop.function_name
  principal     = "sns.amazonaws.com"
  source_arn    = aws_sns_topic.this["stop"].arn
}
