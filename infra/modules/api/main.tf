# A REST API and not an HTTP one: throttling by plan, caching and usage plans (PRD 7.2) are there only.
resource "aws_lambda_function" "api" {
  function_name                  = var.name
  description                    = "ctc.api behind API Gateway"
  role                           = var.role_arn
  handler                        = "ctc.api.lambda_handler.handler"
  runtime                        = "python3.13"
  architectures                  = [var.architecture]
  filename                       = var.package
  source_code_hash               = filebase64sha256(var.package)
  memory_size                    = 1024
  timeout                        = 15
  reserved_concurrent_executions = var.max_concurrency
  kms_key_arn                    = var.kms_key_arn

  environment {
    variables = var.environment
  }

  tracing_config {
    mode = "Active"
  }

  depends_on = [aws_cloudwatch_log_group.this]
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = { lambda = "/aws/lambda/${var.name}", access = "/aws/apigateway/${var.name}" }

  name              = each.value
  retention_in_days = 365
  kms_key_id        = var.kms_key_arn
}

resource "aws_api_gateway_rest_api" "this" {
  name        = var.name
  description = "Alerts and metrics; public and read-only"

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_resource" "all" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_rest_api.this.root_resource_id
  path_part   = "{proxy+}"
}

# Browsers ask by OPTIONS first; the application answers that too, so that CORS is written in one place (ctc.api.app).
resource "aws_api_gateway_method" "this" {
  for_each = toset(["GET", "OPTIONS"])

  rest_api_id   = aws_api_gateway_rest_api.this.id
  resource_id   = aws_api_gateway_resource.all.id
  http_method   = each.value
  authorization = "NONE"

  request_parameters = { "method.request.path.proxy" = true }
}

resource "aws_api_gateway_integration" "this" {
  for_each = aws_api_gateway_method.this

  rest_api_id             = aws_api_gateway_rest_api.this.id
  resource_id             = aws_api_gateway_resource.all.id
  http_method             = each.value.http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = aws_lambda_function.api.invoke_arn
  cache_key_parameters    = ["method.request.path.proxy"]
}

resource "aws_lambda_permission" "gateway" {
  statement_id  = "gateway"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.api.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.this.execution_arn}/*"
}
