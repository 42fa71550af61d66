# Who may do what. Names of what comes later are written out, so that no role waits for a resource that waits for the role.
locals {
  here        = "${var.region}:${local.account}"
  bucket_arns = { for use, name in local.buckets : use => "arn:aws:s3:::${name}" }
  table_arns  = [for name in [var.alerts_table, var.metrics_table] : "arn:aws:dynamodb:${local.here}:table/${name}"]

  catalog_arns = [
    "arn:aws:glue:${local.here}:catalog",
    "arn:aws:glue:${local.here}:database/${var.database}",
    "arn:aws:glue:${local.here}:table/${var.database}/*",
  ]

  key_use  = { actions = ["kms:Decrypt", "kms:GenerateDataKey"], resources = [module.kms.arn] }
  function = "arn:aws:lambda:${local.here}:function:${local.name}"

  function_logs = {
    Logs   = { actions = ["logs:CreateLogStream", "logs:PutLogEvents"], resources = ["arn:aws:logs:${local.here}:log-group:/aws/lambda/${local.name}-*:*"] }
    Traces = { actions = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], anywhere = "X-Ray has no resources" }
  }

  put_metrics = {
    actions  = ["cloudwatch:PutMetricData"]
    anywhere = "CloudWatch's metrics are no resources; the namespace bounds it"
    only     = { "cloudwatch:namespace" = "CryptoPulse/Quality" }
  }

  read_lake = {
    Catalog = { actions = ["glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables", "glue:GetPartitions"], resources = local.catalog_arns }
    Lake    = { actions = ["lakeformation:GetDataAccess"], anywhere = "Lake Formation decides which tables and columns" }

    Athena = {
      actions   = ["athena:GetQueryExecution", "athena:GetQueryResults", "athena:GetWorkGroup", "athena:StartQueryExecution", "athena:StopQueryExecution"]
      resources = ["arn:aws:athena:${local.here}:workgroup/${local.name}"]
    }

    Results = {
      actions   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
      resources = ["${local.bucket_arns.artifacts}/athena/*"]
    }

    Buckets = { actions = ["s3:GetBucketLocation"], resources = [local.bucket_arns.artifacts] }
    Key     = local.key_use
  }

  roles = {
    emr-execution-role = {
      description = "Spark's jobs: read the streams, write the lake, the hot tables and metrics"
      service     = "emr-serverless"

      may = {
        Streams = {
          actions   = ["kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
          resources = values(local.stream_arns)
        }

        Objects = {
          actions   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
          resources = [for use in ["raw", "processed", "checkpoints"] : "${local.bucket_arns[use]}/*"]
        }

        Buckets = { actions = ["s3:GetBucketLocation", "s3:ListBucket"], resources = [for use in ["raw", "processed", "checkpoints", "artifacts"] : local.bucket_arns[use]] }
        Code    = { actions = ["s3:GetObject"], resources = ["${local.bucket_arns.artifacts}/*"] }

        Catalog = {
          actions   = ["glue:CreateTable", "glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables", "glue:UpdateTable"]
          resources = local.catalog_arns
        }

        Lake    = { actions = ["lakeformation:GetDataAccess"], anywhere = "Lake Formation decides which tables and columns" }
        Tables  = { actions = ["dynamodb:BatchWriteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"], resources = concat(local.table_arns, [for arn in local.table_arns : "${arn}/index/*"]) }
        Metrics = local.put_metrics
        Key     = local.key_use
        Logs    = { actions = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], resources = ["arn:aws:logs:${local.here}:log-group:/aws/emr-serverless/${local.name}:*"] }
        Groups  = { actions = ["logs:DescribeLogGroups"], resources = ["arn:aws:logs:${local.here}:log-group:*"] }
      }
    }

    lambda-api-role = {
      description = "The API: read the hot tables"
      service     = "lambda"

      may = merge(local.function_logs, {
        Tables = { actions = ["dynamodb:GetItem", "dynamodb:Query"], resources = concat(local.table_arns, [for arn in local.table_arns : "${arn}/index/*"]) }
        Key    = local.key_use
      })
    }

    producer-role = {
      description = "The producer: write the streams"
      service     = "ecs-tasks"

      may = {
        Streams = { actions = ["kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards", "kinesis:PutRecord", "kinesis:PutRecords"], resources = values(local.stream_arns) }
        Key     = local.key_use
      }
    }

    producer-start-role = {
      description = "What starts the producer: pull its image, write its logs"
      service     = "ecs-tasks"

      may = {
        Image = { actions = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], resources = ["arn:aws:ecr:${local.here}:repository/${local.name}-producer"] }
        Login = { actions = ["ecr:GetAuthorizationToken"], anywhere = "A registry's token has no resource" }
        Logs  = { actions = ["logs:CreateLogStream", "logs:PutLogEvents"], resources = ["arn:aws:logs:${local.here}:log-group:/ecs/${local.name}-producer:*"] }
        Key   = local.key_use
      }
    }

    batch-tasks-role = {
      description = "The daily batch's functions: history in, checks, table statistics, metrics"
      service     = "lambda"

      may = merge(local.function_logs, {
        History = { actions = ["s3:GetObject", "s3:PutObject"], resources = ["${local.bucket_arns.raw}/historical/*"] }
        Lake    = { actions = ["s3:GetObject"], resources = ["${local.bucket_arns.processed}/*"] }
        Buckets = { actions = ["s3:ListBucket"], resources = [local.bucket_arns.raw, local.bucket_arns.processed] }
        Catalog = { actions = ["glue:CreatePartition", "glue:CreateTable", "glue:GetDatabase", "glue:GetPartitions", "glue:GetTable", "glue:GetTables", "glue:UpdateColumnStatisticsForTable"], resources = local.catalog_arns }
        Access  = { actions = ["lakeformation:GetDataAccess"], anywhere = "Lake Formation decides which tables and columns" }
        Metrics = merge(local.put_metrics, { only = { "cloudwatch:namespace" = "CryptoPulse/Batch" } })
        Key     = local.key_use
      })
    }

    batch-machine-role = {
      description = "The state machine: call its functions, run the Spark job, tell people"
      service     = "states"

      may = {
        Functions = { actions = ["lambda:InvokeFunction"], resources = ["${local.function}-batch-*"] }
        Jobs      = { actions = ["emr-serverless:StartJobRun", "emr-serverless:GetJobRun"], resources = [module.emr_serverless.arn, "${module.emr_serverless.arn}/jobruns/*"] }
        JobRole   = { actions = ["iam:PassRole"], resources = ["arn:aws:iam::${local.account}:role/${local.name}-emr-execution-role"], only = { "iam:PassedToService" = "emr-serverless.amazonaws.com" } }
        Alerts    = { actions = ["sns:Publish"], resources = ["arn:aws:sns:${local.here}:${var.database}-alarms"] }
        Key       = local.key_use
        Traces    = { actions = ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"], anywhere = "X-Ray has no resources" }

        Logs = {
          actions  = ["logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery"]
          anywhere = "CloudWatch Logs has no resources for deliveries"
        }
      }
    }

    scheduler-role = {
      description = "EventBridge Scheduler: start the state machine, warm up EMR Serverless"
      service     = "scheduler"

      may = {
        Batch   = { actions = ["states:StartExecution"], resources = ["arn:aws:states:${local.here}:stateMachine:${local.name}-batch"] }
        Prewarm = { actions = ["emr-serverless:StartApplication"], resources = ["arn:aws:emr-serverless:${local.here}:/applications/*"] }
        Key     = local.key_use
      }
    }

    auto-stop-role = {
      description = "The function that stops what costs by the hour"
      service     = "lambda"

      may = merge(local.function_logs, {
        Jobs     = { actions = ["emr-serverless:CancelJobRun", "emr-serverless:ListJobRuns"], resources = [module.emr_serverless.arn, "${module.emr_serverless.arn}/jobruns/*"] }
        Producer = { actions = ["ecs:UpdateService"], resources = ["arn:aws:ecs:${local.here}:service/${local.name}-producer/producer"] }
        Key      = local.key_use
      })
    }

    api-logs-role = {
      description = "API Gateway's access and execution logs"
      service     = "apigateway"

      may = {
        Logs = {
          actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents", "logs:PutLogEvents"]
          resources = ["arn:aws:logs:${local.here}:log-group:*"]
        }
      }
    }

    analyst-role        = { description = "People who ask the lake; the exchanges' frames are hidden from them", may = local.read_lake }
    data-scientist-role = { description = "People who ask the lake, all of it", may = local.read_lake }
  }
}
