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
  bucket_arn   = "arn:aws:s3:::b-processed"
  database     = "crypto_pulse"
  admins       = ["arn:aws:iam::000000000000:role/admin"]
  trail_name   = "ctc-test"
  audit_bucket = "b-audit"
  kms_key_arn  = "arn:aws:kms:us-east-1:000000000000:key/1"
  tables       = { raw_trades = ["price", "raw_event_payload"], anomalies = ["alert_id"] }

  readers = {
    emr-execution-role  = { role_arn = "arn:aws:iam::000000000000:role/emr", writes = true }
    data-scientist-role = { role_arn = "arn:aws:iam::000000000000:role/scientist" }
    analyst-role        = { role_arn = "arn:aws:iam::000000000000:role/analyst", payload_hidden = true }
    lambda-api-role     = { role_arn = "arn:aws:iam::000000000000:role/api", tables = ["anomalies"] }
  }
}

run "grants" {
  command = plan

  module {
    source = "./modules/lakeformation"
  }

  assert {
    condition     = keys(aws_lakeformation_permissions.columns) == ["analyst-role:raw_trades"] && aws_lakeformation_permissions.columns["analyst-role:raw_trades"].table_with_columns[0].excluded_column_names == toset(["raw_event_payload"])
    error_message = "The analyst sees all of raw_trades but raw_event_payload (PRD 12.1)."
  }

  assert {
    condition     = keys(aws_lakeformation_permissions.table) == ["analyst-role:anomalies", "lambda-api-role:anomalies"]
    error_message = "The analyst reads the other tables whole; the API reads its own alone."
  }

  assert {
    condition     = keys(aws_lakeformation_permissions.every_table) == ["data-scientist-role", "emr-execution-role"]
    error_message = "No role with hidden columns or chosen tables has all tables."
  }

  assert {
    condition     = aws_lakeformation_permissions.database["emr-execution-role"].permissions == toset(["ALL"]) && aws_lakeformation_permissions.database["analyst-role"].permissions == toset(["DESCRIBE"])
    error_message = "Only the jobs write."
  }

  assert {
    condition     = aws_cloudtrail.audit.enable_log_file_validation
    error_message = "The trail shows when it was tampered with."
  }
}

run "before_the_tables" {
  command = plan

  module {
    source = "./modules/lakeformation"
  }

  variables {
    tables = {}
  }

  assert {
    condition     = length(aws_lakeformation_permissions.table) == 0 && length(aws_lakeformation_permissions.columns) == 0
    error_message = "No grant on a table that is not there."
  }
}

run "nobody_administers" {
  command = plan

  module {
    source = "./modules/lakeformation"
  }

  variables {
    admins = []
  }

  expect_failures = [aws_lakeformation_data_lake_settings.this]
}

run "refused" {
  command = plan

  module {
    source = "./modules/lakeformation"
  }

  variables {
    readers        = { odd-role = { role_arn = "arn:aws:iam::000000000000:role/odd", writes = true, payload_hidden = true } }
    hidden_columns = []
  }

  expect_failures = [var.readers, var.hidden_columns]
}
