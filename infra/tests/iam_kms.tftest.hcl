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

run "roles" {
  command = plan

  module {
    source = "./modules/iam"
  }

  variables {
    name    = "ctc-test"
    account = "000000000000"
    roles = {
      reader-role = {
        description = "reads"
        service     = "lambda"
        may = {
          Read    = { actions = ["s3:GetObject"], resources = ["arn:aws:s3:::b/*"] }
          Metrics = { actions = ["cloudwatch:PutMetricData"], anywhere = "no resources", only = { "cloudwatch:namespace" = "A" } }
        }
      }
      nobody-role = { description = "does nothing" }
    }
  }

  assert {
    condition     = keys(aws_iam_role.this) == ["nobody-role", "reader-role"] && keys(aws_iam_role_policy.this) == ["reader-role"]
    error_message = "A role that may do nothing has no policy."
  }

  assert {
    condition     = data.aws_iam_policy_document.may["reader-role"].statement[1].resources == toset(["arn:aws:s3:::b/*"]) && data.aws_iam_policy_document.may["reader-role"].statement[0].resources == toset(["*"])
    error_message = "Only a statement with a reason applies anywhere."
  }
}

run "stars_refused" {
  command = plan

  module {
    source = "./modules/iam"
  }

  variables {
    name    = "ctc-test"
    account = "000000000000"
    roles   = { all-role = { description = "does all", service = "lambda", may = { All = { actions = ["s3:*"], resources = ["arn:aws:s3:::b"] } } } }
  }

  expect_failures = [var.roles]
}

run "everywhere_refused" {
  command = plan

  module {
    source = "./modules/iam"
  }

  variables {
    name    = "ctc-test"
    account = "12"
    roles   = { all-role = { description = "everywhere", service = "lambda", may = { All = { actions = ["s3:GetObject"], resources = ["*"] } } } }
  }

  expect_failures = [var.roles, var.account]
}

run "key" {
  command = plan

  module {
    source = "./modules/kms"
  }

  variables {
    name = "ctc-test"
  }

  assert {
    condition     = aws_kms_key.data.enable_key_rotation && aws_kms_key.data.deletion_window_in_days == 30
    error_message = "The key is rotated, and can be brought back for 30 days."
  }
}

run "key_refused" {
  command = plan

  module {
    source = "./modules/kms"
  }

  variables {
    name                 = "Ctc"
    services             = ["*"]
    deletion_window_days = 1
  }

  expect_failures = [var.name, var.services, var.deletion_window_days]
}
