resource "aws_emrserverless_application" "this" {
  name          = var.name
  type          = var.type
  release_label = var.release
  architecture  = var.architecture

  maximum_capacity {
    cpu    = "${var.max_vcpu} vCPU"
    memory = "${var.max_memory_gb} GB"
    disk   = "${var.max_disk_gb} GB"
  }

  auto_start_configuration {
    enabled = true
  }

  auto_stop_configuration {
    enabled              = true
    idle_timeout_minutes = var.idle_minutes
  }

  dynamic "initial_capacity" {
    for_each = var.warm ? { Driver = 1, Executor = 1 } : {}

    content {
      initial_capacity_type = initial_capacity.key

      initial_capacity_config {
        worker_count = initial_capacity.value

        worker_configuration {
          cpu    = "2 vCPU"
          memory = "4 GB"
        }
      }
    }
  }

  network_configuration {
    subnet_ids         = var.subnets
    security_group_ids = [var.security_group]
  }
}

resource "aws_cloudwatch_log_group" "jobs" {
  name              = "/aws/emr-serverless/${var.name}"
  retention_in_days = 365
  kms_key_id        = var.kms_key_arn
}

# Starts the application before a demo, so that its first job does not wait for a cold one. It stops by itself when idle.
resource "aws_scheduler_schedule" "prewarm" {
  name                         = "${var.name}-prewarm"
  description                  = "Start ${var.name} ahead of a demo"
  state                        = var.prewarm_schedule == "" ? "DISABLED" : "ENABLED"
  schedule_expression          = var.prewarm_schedule == "" ? "cron(45 13 ? * MON-FRI *)" : var.prewarm_schedule
  schedule_expression_timezone = "UTC"
  kms_key_arn                  = var.kms_key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:aws:scheduler:::aws-sdk:emrserverless:startApplication"
    role_arn = var.scheduler_role_arn
    input    = jsonencode({ ApplicationId = aws_emrserverless_application.this.id })
  }
}
