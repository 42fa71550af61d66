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

run "on_demand" {
  command = plan

  module {
    source = "./modules/kinesis"
  }

  variables {
    streams     = { trades = "trades", dead_letters = "trades-dlq" }
    shards      = 0
    kms_key_arn = "arn:aws:kms:us-east-1:000000000000:key/1"
  }

  assert {
    condition     = alltrue([for stream in aws_kinesis_stream.this : stream.stream_mode_details[0].stream_mode == "ON_DEMAND" && stream.encryption_type == "KMS"])
    error_message = "0 shards mean on demand, encrypted."
  }
}

run "shards" {
  command = plan

  module {
    source = "./modules/kinesis"
  }

  variables {
    streams     = { trades = "trades" }
    shards      = 2
    kms_key_arn = "arn:aws:kms:us-east-1:000000000000:key/1"
  }

  assert {
    condition     = aws_kinesis_stream.this["trades"].shard_count == 2 && aws_kinesis_stream.this["trades"].stream_mode_details[0].stream_mode == "PROVISIONED"
    error_message = "Shards that are named are provisioned."
  }
}

run "refused" {
  command = plan

  module {
    source = "./modules/kinesis"
  }

  variables {
    streams         = { trades = "one", dead_letters = "one" }
    shards          = 17
    retention_hours = 23
    kms_key_arn     = "alias/nothing"
  }

  expect_failures = [var.streams, var.shards, var.retention_hours, var.kms_key_arn]
}
