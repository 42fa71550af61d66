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
  name               = "ctc-test"
  subnets            = ["subnet-1"]
  security_group     = "sg-1"
  scheduler_role_arn = "arn:aws:iam::000000000000:role/scheduler"
  kms_key_arn        = "arn:aws:kms:us-east-1:000000000000:key/1"
}

run "cold" {
  command = plan

  module {
    source = "./modules/emr-serverless"
  }

  assert {
    condition     = aws_emrserverless_application.this.release_label == "emr-spark-8.1.0" && aws_emrserverless_application.this.architecture == "ARM64"
    error_message = "The release is the one with pyproject.toml's Spark, on Graviton."
  }

  assert {
    condition     = length(aws_emrserverless_application.this.initial_capacity) == 0 && aws_emrserverless_application.this.auto_stop_configuration[0].enabled
    error_message = "Nothing is kept warm, and it stops when idle."
  }

  assert {
    condition     = aws_emrserverless_application.this.maximum_capacity[0].cpu == "8 vCPU" && aws_scheduler_schedule.prewarm.state == "DISABLED"
    error_message = "It has a cap, and no pre-warm without a time for it."
  }
}

run "warm" {
  command = apply

  module {
    source = "./modules/emr-serverless"
  }

  variables {
    warm             = true
    prewarm_schedule = "cron(45 13 ? * THU *)"
  }

  assert {
    condition     = length(aws_emrserverless_application.this.initial_capacity) == 2 && aws_scheduler_schedule.prewarm.state == "ENABLED"
    error_message = "A driver and an executor are kept, and it is started ahead."
  }
}

run "refused" {
  command = plan

  module {
    source = "./modules/emr-serverless"
  }

  variables {
    type             = "hive"
    release          = "latest"
    architecture     = "RISCV"
    max_vcpu         = 400
    idle_minutes     = 600
    prewarm_schedule = "every morning"
    subnets          = []
  }

  expect_failures = [var.type, var.release, var.architecture, var.max_vcpu, var.idle_minutes, var.prewarm_schedule, var.subnets]
}
