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
  buckets     = { raw = "b-raw", processed = "b-processed", checkpoints = "b-checkpoints", artifacts = "b-artifacts", audit = "b-audit" }
  kms_key_arn = "arn:aws:kms:us-east-1:000000000000:key/1"
  trail_arn   = "arn:aws:cloudtrail:us-east-1:000000000000:trail/ctc"
}

run "what_is_aged" {
  command = plan

  module {
    source = "./modules/s3-lakehouse"
  }

  assert {
    condition = [for rule in aws_s3_bucket_lifecycle_configuration.this["raw"].rule : one(rule.expiration[*].days) if rule.id == "historical"] == [90] && [
      for rule in aws_s3_bucket_lifecycle_configuration.this["raw"].rule : one(rule.transition).days if rule.id == "historical"
    ] == [30]
    error_message = "historical/ goes to IA after 30 days and is deleted after 90 (PRD 12.3)."
  }

  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.this["raw"].rule : one(rule.expiration[*].days) if rule.id == "dead-letters"] == [7]
    error_message = "Dead letters stay 7 days (PRD 9.4)."
  }

  assert {
    condition = alltrue([for use in ["processed", "checkpoints"] : alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.this[use].rule : length(rule.expiration) == 0 && length(rule.transition) == 0
    ])])
    error_message = "Nothing ages Iceberg's files and checkpoints."
  }

  assert {
    condition = alltrue([for block in aws_s3_bucket_public_access_block.this :
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ]) && length(aws_s3_bucket_public_access_block.this) == 5
    error_message = "Each of the five buckets is closed."
  }
}

run "refused" {
  command = plan

  module {
    source = "./modules/s3-lakehouse"
  }

  variables {
    buckets          = { raw = "Not A Bucket" }
    dead_letter_days = 0
  }

  expect_failures = [var.buckets, var.dead_letter_days]
}
