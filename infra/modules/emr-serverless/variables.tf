variable "name" {
  description = "The application's name."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9._/#-]{1,64}$", var.name))
    error_message = "name must be 1 to 64 letters, digits and ._/#-."
  }
}

variable "type" {
  description = "`spark`; the emulator wants it in capitals."
  type        = string
  default     = "spark"

  validation {
    condition     = lower(var.type) == "spark"
    error_message = "type must be spark."
  }
}

variable "release" {
  description = "The EMR release; emr-spark-8.1.0 runs the Spark of pyproject.toml."
  type        = string
  default     = "emr-spark-8.1.0"

  validation {
    condition     = can(regex("^emr-(spark-)?[0-9]+\\.[0-9]+\\.[0-9]+$", var.release))
    error_message = "release must be a label such as emr-spark-8.1.0."
  }
}

variable "architecture" {
  description = "ARM64 (Graviton, a fifth cheaper) or X86_64; null where the emulator has no choice."
  type        = string
  default     = "ARM64"

  validation {
    condition     = var.architecture == null || contains(["ARM64", "X86_64"], coalesce(var.architecture, "ARM64"))
    error_message = "architecture must be ARM64 or X86_64."
  }
}

variable "max_vcpu" {
  description = "The most vCPUs that all jobs together may have: the cap on what an hour costs."
  type        = number
  default     = 8

  validation {
    condition     = var.max_vcpu >= 2 && var.max_vcpu <= 32
    error_message = "max_vcpu must be 2 to 32 (32 vCPU and 128 GB are $2.42 an hour)."
  }
}

variable "max_memory_gb" {
  description = "The most memory that all jobs together may have."
  type        = number
  default     = 32

  validation {
    condition     = var.max_memory_gb >= 4 && var.max_memory_gb <= 128
    error_message = "max_memory_gb must be 4 to 128."
  }
}

variable "max_disk_gb" {
  description = "The most disk that all jobs together may have."
  type        = number
  default     = 200

  validation {
    condition     = var.max_disk_gb >= 20 && var.max_disk_gb <= 1000
    error_message = "max_disk_gb must be 20 to 1000."
  }
}

variable "idle_minutes" {
  description = "Minutes without a job after which the application stops."
  type        = number
  default     = 15

  validation {
    condition     = var.idle_minutes >= 1 && var.idle_minutes <= 60
    error_message = "idle_minutes must be 1 to 60."
  }
}

variable "warm" {
  description = "Whether a driver and an executor are kept warm while the application is started; they cost by the second."
  type        = bool
  default     = false
}

variable "prewarm_schedule" {
  description = "When the application is started ahead of a demo, as cron(...) in UTC; empty for never."
  type        = string
  default     = ""

  validation {
    condition     = var.prewarm_schedule == "" || can(regex("^(cron|at)\\(.+\\)$", var.prewarm_schedule))
    error_message = "prewarm_schedule must be cron(...), at(...) or empty."
  }
}

variable "subnets" {
  description = "Where the workers run."
  type        = list(string)

  validation {
    condition     = length(var.subnets) > 0
    error_message = "subnets must not be empty: without a VPC, jobs do not reach Kinesis."
  }
}

variable "security_group" {
  description = "What the workers belong to."
  type        = string
}

variable "scheduler_role_arn" {
  description = "The role that may start the application."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that logs and the schedule are encrypted with."
  type        = string
}
