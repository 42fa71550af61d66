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

run "database" {
  command = plan

  module {
    source = "./modules/glue"
  }

  variables {
    database = "crypto_pulse"
    bucket   = "b-processed"
  }

  assert {
    condition     = aws_glue_catalog_database.this.location_uri == "s3://b-processed/crypto_pulse"
    error_message = "The database lies in the lake's bucket."
  }
}

run "database_refused" {
  command = plan

  module {
    source = "./modules/glue"
  }

  variables {
    database = "Crypto-Pulse"
    bucket   = "s3://b"
  }

  expect_failures = [var.database, var.bucket]
}

run "workgroup" {
  command = plan

  module {
    source = "./modules/athena"
  }

  variables {
    name           = "ctc-test"
    database       = "crypto_pulse"
    queries        = { one = "-- Why it is asked\nSELECT 1" }
    results_bucket = "b-artifacts"
    kms_key_arn    = "arn:aws:kms:us-east-1:000000000000:key/1"
  }

  assert {
    condition     = aws_athena_workgroup.this.configuration[0].bytes_scanned_cutoff_per_query == 10737418240 && aws_athena_workgroup.this.configuration[0].enforce_workgroup_configuration
    error_message = "A query reads 10 GiB at most, whoever asks."
  }

  assert {
    condition     = aws_athena_named_query.this["one"].description == "Why it is asked"
    error_message = "A query's first line is its description."
  }
}

run "workgroup_refused" {
  command = plan

  module {
    source = "./modules/athena"
  }

  variables {
    name            = "ctc test"
    database        = "crypto_pulse"
    queries         = { one = "SELECT 1" }
    results_bucket  = "b-artifacts"
    kms_key_arn     = "arn:aws:kms:us-east-1:000000000000:key/1"
    max_scanned_gib = 1000
  }

  expect_failures = [var.name, var.queries, var.max_scanned_gib]
}
