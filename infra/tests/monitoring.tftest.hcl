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

  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:us-east-1:000000000000:topic" }
  }

  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:us-east-1:000000000000:function:task" }
  }

  mock_resource "aws_sfn_state_machine" {
    defaults = { arn = "arn:aws:states:us-east-1:000000000000:stateMachine:batch" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  name               = "ctc-test"
  region             = "us-east-1"
  account            = "000000000000"
  database           = "crypto_pulse"
  streams            = { trades = "trades", dead_letters = "trades-dlq" }
  api_name           = "ctc-test-api"
  api_url            = "https://api.test"
  application_id     = "00app"
  cluster            = "ctc-test-producer"
  service            = "producer"
  package            = "sim/tasks.zip"
  environment        = { CTC_PROFILE = "cloud" }
  auto_stop_role_arn = "arn:aws:iam::000000000000:role/stop"
  kms_key_arn        = "arn:aws:kms:us-east-1:000000000000:key/1"
}

run "alarms" {
  command = apply

  module {
    source = "./modules/monitoring"
  }

  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.this)) == toset(["quality-score", "iterator-age", "dead-letters-growing", "api-errors", "billing-25", "billing-50"])
    error_message = "Every alarm is there."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["billing-50"].alarm_actions == toset([aws_sns_topic.this["stop"].arn]) && aws_cloudwatch_metric_alarm.this["billing-25"].alarm_actions == toset([aws_sns_topic.this["alarms"].arn])
    error_message = "The last billing alarm stops what streams, the others tell people."
  }

  assert {
    condition     = aws_sns_topic_subscription.auto_stop.endpoint == aws_lambda_function.auto_stop.arn
    error_message = "What stops listens to the topic."
  }

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 5 && jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets[0].properties.view == "gauge"
    error_message = "The dashboard shows what PRD 9.5 asks for."
  }

  assert {
    condition     = length(aws_sns_topic_subscription.people) == 0
    error_message = "Nobody is told by mail unless named."
  }
}

run "refused" {
  command = plan

  module {
    source = "./modules/monitoring"
  }

  variables {
    region         = "eu-central-1"
    billing_alarms = []
    email          = "nobody"
  }

  expect_failures = [var.region, var.billing_alarms, var.email]
}
