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
  name               = "ctc-test-batch"
  package            = "sim/batch.zip"
  environment        = { CTC_PROFILE = "cloud" }
  application_id     = "00app"
  job_role_arn       = "arn:aws:iam::000000000000:role/job"
  entry_point        = "s3://b-artifacts/code/jobs/run.py"
  job_log_group      = "/aws/emr-serverless/ctc-test"
  spark_properties   = { "spark.archives" = "s3://b-artifacts/code/environment.tar.gz#environment" }
  topic_arn          = "arn:aws:sns:us-east-1:000000000000:alarms"
  role_arn           = "arn:aws:iam::000000000000:role/machine"
  function_role_arn  = "arn:aws:iam::000000000000:role/tasks"
  scheduler_role_arn = "arn:aws:iam::000000000000:role/scheduler"
  kms_key_arn        = "arn:aws:kms:us-east-1:000000000000:key/1"
}

run "with_emr_serverless" {
  command = apply

  module {
    source = "./modules/stepfunctions"
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.this.definition).States.SubmitSparkJob.Resource == "arn:aws:states:::emr-serverless:startJobRun"
    error_message = "Without a function for it, EMR Serverless is called."
  }

  assert {
    condition = alltrue([for name in ["HistoricalLoad", "SubmitSparkJob", "WaitForJob", "RunQualityChecks", "UpdateCatalog", "SendAlert", "PublishMetrics"] :
      contains(keys(jsondecode(aws_sfn_state_machine.this.definition).States), name)
    ])
    error_message = "The states of PRD 11.2 are there."
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.this.definition).States.WaitForJob.Seconds == 60 && aws_scheduler_schedule.daily.schedule_expression == "cron(0 2 * * ? *)"
    error_message = "A look every 60 s, a run at 02:00 UTC."
  }

  assert {
    condition = jsondecode(aws_sfn_state_machine.this.definition).States.SubmitSparkJob.Parameters.JobDriver.SparkSubmit == {
      EntryPoint              = var.entry_point
      "EntryPointArguments.$" = "States.Array('daily', '--since', $.load.since, '--until', $.load.until)"
    }
    error_message = "The job is the one entry point's `daily`, about the day that was loaded."
  }

  assert {
    condition     = jsonencode(jsondecode(aws_sfn_state_machine.this.definition).States.SubmitSparkJob.Parameters.ConfigurationOverrides.ApplicationConfiguration[0].Properties) == jsonencode(var.spark_properties)
    error_message = "The job is given its code."
  }

  assert {
    condition = alltrue([for name, state in jsondecode(aws_sfn_state_machine.this.definition).States :
      try(state.Catch[0].Next, "SendAlert") == "SendAlert" && (state.Type != "Task" || name == "SendAlert" || can(state.Catch))
    ])
    error_message = "Whatever fails, people are told."
  }
}

run "with_functions_for_it" {
  command = apply

  module {
    source = "./modules/stepfunctions"
  }

  variables {
    instead_of_emr = { package = "sim/tasks.zip", handlers = { SubmitSparkJob = "a.b", PollJob = "a.b" } }
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.this.definition).States.SubmitSparkJob.Resource == aws_lambda_function.task["SubmitSparkJob"].arn
    error_message = "A function takes the place of EMR Serverless."
  }

  assert {
    condition     = aws_lambda_function.task["PollJob"].filename == "sim/tasks.zip" && aws_lambda_function.task["HistoricalLoad"].filename == "sim/batch.zip"
    error_message = "The others are those of every place."
  }
}

run "refused" {
  command = plan

  module {
    source = "./modules/stepfunctions"
  }

  variables {
    package          = "sim/batch.tar"
    instead_of_emr   = { package = "sim/tasks.zip", handlers = { SubmitSparkJob = "a.b" } }
    poll_s           = 1
    schedule         = "at two"
    entry_point      = "/code/jobs/run.py"
    spark_properties = {}
  }

  expect_failures = [var.package, var.instead_of_emr, var.poll_s, var.schedule, var.entry_point, var.spark_properties]
}
