variable "name" {
  description = "The state machine's name, and its functions' beginning."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,40}$", var.name))
    error_message = "name must be 3 to 41 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "package" {
  description = "Path of the zip that holds ctc.daily.handlers and what they need."
  type        = string

  validation {
    condition     = endswith(var.package, ".zip")
    error_message = "package must be a .zip."
  }
}

variable "instead_of_emr" {
  description = "Only where EMR Serverless is not there: a zip, and in it handlers that take the fields of SubmitSparkJob and PollJob."
  type        = object({ package = string, handlers = map(string) })
  default     = { package = "", handlers = {} }

  validation {
    condition     = contains(["", "PollJob,SubmitSparkJob"], join(",", keys(var.instead_of_emr.handlers)))
    error_message = "handlers must be SubmitSparkJob and PollJob, or none: what submits a job is also what knows its state."
  }
}

variable "environment" {
  description = "The functions' environment."
  type        = map(string)
}

variable "architecture" {
  description = "arm64 or x86_64: that of the packages in the zip."
  type        = string
  default     = "arm64"
}

variable "max_concurrency" {
  description = "Functions at once; -1 leaves it to the account."
  type        = number
  default     = 2
}

variable "poll_s" {
  description = "Seconds between two looks at the Spark job (PRD 11.2: 60)."
  type        = number
  default     = 60

  validation {
    condition     = var.poll_s >= 10 && var.poll_s <= 600
    error_message = "poll_s must be 10 to 600."
  }
}

variable "schedule" {
  description = "When the batch runs, in UTC (PRD 11.3)."
  type        = string
  default     = "cron(0 2 * * ? *)"

  validation {
    condition     = can(regex("^(cron|rate)\\(.+\\)$", var.schedule))
    error_message = "schedule must be cron(...) or rate(...)."
  }
}

variable "application_id" {
  description = "The EMR Serverless application."
  type        = string
}

variable "job_role_arn" {
  description = "What the Spark job may do."
  type        = string
}

variable "entry_point" {
  description = "The Spark job's script, as an S3 URL."
  type        = string

  validation {
    condition     = startswith(var.entry_point, "s3://")
    error_message = "entry_point must be an s3:// URL."
  }
}

variable "spark_properties" {
  description = "Spark's configuration of the job: its code, its Python, its settings."
  type        = map(string)

  validation {
    condition     = contains(keys(var.spark_properties), "spark.archives")
    error_message = "spark_properties must have spark.archives, where the job's code is."
  }
}

variable "job_log_group" {
  description = "Where the job logs."
  type        = string
}

variable "topic_arn" {
  description = "Who is told when a step fails."
  type        = string
}

variable "role_arn" {
  description = "What the state machine may do."
  type        = string
}

variable "function_role_arn" {
  description = "What the functions may do."
  type        = string
}

variable "scheduler_role_arn" {
  description = "The role that may start the state machine."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that logs, environments and the schedule are encrypted with."
  type        = string
}
