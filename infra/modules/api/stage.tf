resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id

  triggers = {
    shape = sha1(jsonencode([aws_api_gateway_resource.all.path_part, keys(aws_api_gateway_integration.this)]))
  }

  depends_on = [aws_api_gateway_integration.this]

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "this" {
  rest_api_id           = aws_api_gateway_rest_api.this.id
  deployment_id         = aws_api_gateway_deployment.this.id
  stage_name            = var.stage
  cache_cluster_enabled = var.cache_gb > 0
  cache_cluster_size    = var.cache_gb > 0 ? tostring(var.cache_gb) : null
  xray_tracing_enabled  = true

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.this["access"].arn

    # No address of a reader: nothing here needs to know who asked.
    format = jsonencode({
      id      = "$context.requestId"
      time    = "$context.requestTime"
      path    = "$context.path"
      status  = "$context.status"
      latency = "$context.responseLatency"
    })
  }
}

resource "aws_api_gateway_method_settings" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  method_path = "*/*"

  settings {
    throttling_rate_limit  = var.requests_per_s
    throttling_burst_limit = var.burst
    metrics_enabled        = true
    logging_level          = "ERROR"
    data_trace_enabled     = false
    caching_enabled        = var.cache_gb > 0
    cache_ttl_in_seconds   = 1 # as long as the API itself keeps an answer
    cache_data_encrypted   = true
  }
}

resource "aws_api_gateway_usage_plan" "this" {
  name        = var.name
  description = "What one reader with a key may ask for"

  api_stages {
    api_id = aws_api_gateway_rest_api.this.id
    stage  = aws_api_gateway_stage.this.stage_name
  }

  throttle_settings {
    rate_limit  = var.requests_per_s
    burst_limit = var.burst
  }

  quota_settings {
    limit  = var.requests_per_day
    period = "DAY"
  }
}

# One a region and account: without it no stage may write logs.
resource "aws_api_gateway_account" "this" {
  cloudwatch_role_arn = var.logging_role_arn
}
