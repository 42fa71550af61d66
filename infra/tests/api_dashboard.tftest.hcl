mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "000000000000", arn = "arn:aws:iam::000000000000:user/test" }
  }

  mock_data "aws_region" {
    defaults = { name = "us-east-1" }
  }

  mock_data "aws_availability_zones" {
    defaults = { names = ["us-east-1a", "us-east-1b"] }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  name             = "ctc-test-api"
  package          = "sim/tasks.zip"
  environment      = { CTC_PROFILE = "cloud" }
  role_arn         = "arn:aws:iam::000000000000:role/api"
  logging_role_arn = "arn:aws:iam::000000000000:role/logs"
  kms_key_arn      = "arn:aws:kms:us-east-1:000000000000:key/1"
}

run "api" {
  command = plan

  module {
    source = "./modules/api"
  }

  assert {
    condition     = !aws_api_gateway_stage.this.cache_cluster_enabled
    error_message = "The cache costs by the hour: off by default."
  }

  assert {
    condition     = aws_api_gateway_usage_plan.this.throttle_settings[0].rate_limit == 100 && aws_lambda_function.api.handler == "ctc.api.lambda_handler.handler"
    error_message = "Requests are bounded, and go to the API's handler."
  }

  assert {
    condition     = keys(aws_api_gateway_method.this) == ["GET", "OPTIONS"]
    error_message = "The API is read-only."
  }
}

run "api_refused" {
  command = plan

  module {
    source = "./modules/api"
  }

  variables {
    environment      = { SECRET = "x" }
    architecture     = "riscv"
    requests_per_s   = 100000
    requests_per_day = 1
    cache_gb         = 100
  }

  expect_failures = [var.environment, var.architecture, var.requests_per_s, var.requests_per_day, var.cache_gb]
}

run "dashboard" {
  command = plan

  module {
    source = "./modules/dashboard"
  }

  variables {
    name       = "ctc-test-dashboard"
    bucket     = "b-site"
    api_origin = "https://a.execute-api.us-east-1.amazonaws.com"
  }

  assert {
    condition     = aws_cloudfront_origin_access_control.this.signing_behavior == "always" && one(aws_cloudfront_distribution.this.default_cache_behavior).viewer_protocol_policy == "redirect-to-https"
    error_message = "CloudFront alone reads the bucket, and people read it by TLS."
  }

  assert {
    condition     = strcontains(aws_cloudfront_response_headers_policy.this.security_headers_config[0].content_security_policy[0].content_security_policy, "connect-src 'self' https://a.execute-api")
    error_message = "The page may call its API and nothing else."
  }
}

run "dashboard_refused" {
  command = plan

  module {
    source = "./modules/dashboard"
  }

  variables {
    name       = "D"
    bucket     = "B_site"
    api_origin = "https://*"
  }

  expect_failures = [var.name, var.bucket, var.api_origin]
}
