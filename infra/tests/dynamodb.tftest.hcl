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
  alerts_table  = "alerts"
  metrics_table = "metrics"
  kms_key_arn   = "arn:aws:kms:us-east-1:000000000000:key/1"
}

run "tables" {
  command = plan

  module {
    source = "./modules/dynamodb"
  }

  assert {
    condition     = toset([for index in aws_dynamodb_table.alerts.global_secondary_index : index.name]) == toset(["by_time", "by_symbol", "by_type"])
    error_message = "alerts has its three indexes."
  }

  assert {
    condition = alltrue([for table in [aws_dynamodb_table.alerts, aws_dynamodb_table.metrics] :
      table.billing_mode == "PAY_PER_REQUEST" && table.ttl[0].enabled && table.point_in_time_recovery[0].enabled && table.server_side_encryption[0].enabled && table.deletion_protection_enabled
    ])
    error_message = "Both are on demand, expire, can be restored, are encrypted and protected."
  }
}

run "refused" {
  command = plan

  module {
    source = "./modules/dynamodb"
  }

  variables {
    metrics_table = "alerts"
  }

  expect_failures = [var.metrics_table]
}
