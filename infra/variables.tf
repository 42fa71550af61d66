variable "project" {
  description = "What names begin with, and the tag Project."
  type        = string
  default     = "ctc"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.project))
    error_message = "project must be 2 to 12 lower-case letters and digits, beginning with a letter."
  }
}

variable "environment" {
  description = "The environment's name: the tag Environment, and the second part of names."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment))
    error_message = "environment must be 2 to 12 lower-case letters and digits, beginning with a letter."
  }
}

variable "profile" {
  description = "The profile in profiles/ whose values the functions and the producer start from."
  type        = string

  validation {
    condition     = fileexists("${path.root}/../profiles/${var.profile}.toml")
    error_message = "There is no such file in profiles/."
  }
}

variable "region" {
  description = "The region of everything."
  type        = string

  validation {
    condition     = var.region == "us-east-1"
    error_message = "region must be us-east-1: AWS publishes charges there only, and the billing alarms need them."
  }
}

variable "streaming" {
  description = "Whether something streams now. What costs by the hour (streams, interface endpoints, the producer) is there only then."
  type        = bool
  default     = false
}

variable "trades_stream" {
  description = "The stream of trades (stream.trades in the profile)."
  type        = string
}

variable "dead_letter_stream" {
  description = "The stream of unreadable frames (stream.dead_letters)."
  type        = string
}

variable "shards" {
  description = "Shards of each stream; 0 means on demand (stream.shards)."
  type        = number
}

variable "database" {
  description = "The lake's database in Glue (lake.database)."
  type        = string
}

variable "buckets" {
  description = "Buckets by use; processed is lake.bucket, raw lake.raw_bucket, checkpoints that of spark.checkpoints."
  type        = object({ raw = string, processed = string, checkpoints = string, artifacts = string, audit = string, site = string })
}

variable "buckets_end_with_account" {
  description = "Whether the account's number is put behind each bucket's name: such names are one space for all of AWS."
  type        = bool
  default     = true
}

variable "alerts_table" {
  description = "The table of alerts (tables.alerts)."
  type        = string
}

variable "metrics_table" {
  description = "The table of each symbol's latest values (tables.metrics)."
  type        = string
}

variable "lake_tables" {
  description = "Columns by table (ctc/schema.py), once a session has made the tables: grants on single tables need them. Empty before."
  type        = map(set(string))
  default     = {}
}

variable "lake_admins" {
  description = "ARNs of those who administer Lake Formation; empty names whoever applies this."
  type        = list(string)
  default     = []
}

variable "settings" {
  description = "More settings of the profile by dotted key, for the functions and the producer."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.settings) : can(regex("^[a-z_]+\\.[a-z_.]+$", key))])
    error_message = "A setting is a dotted key of the profile, as in whales.threshold."
  }
}

variable "api_package" {
  description = "Path of the zip with the API and what it needs."
  type        = string
}

variable "batch_package" {
  description = "Path of the zip with the daily batch's functions and what they need."
  type        = string
}

variable "architecture" {
  description = "ARM64 or X86_64, for Spark, the functions and their packages."
  type        = string
  default     = "ARM64"

  validation {
    condition     = contains(["ARM64", "X86_64"], var.architecture)
    error_message = "architecture must be ARM64 or X86_64."
  }
}

variable "emr" {
  description = "EMR Serverless: release and caps. `choose_architecture` and `type` are for the emulator, which takes no architecture."
  type = object({
    release             = optional(string, "emr-spark-8.1.0")
    type                = optional(string, "spark")
    choose_architecture = optional(bool, true)
    max_vcpu            = optional(number, 8)
    max_memory_gb       = optional(number, 32)
    prewarm_schedule    = optional(string, "")
  })
  default = {}
}

variable "instead_of_emr" {
  description = "For emulators without EMR's jobs: a zip, and its handlers of SubmitSparkJob and PollJob."
  type        = object({ package = string, handlers = map(string) })
  default     = { package = "", handlers = {} }
}

variable "image_tag" {
  description = "The producer's image."
  type        = string
  default     = "unset"
}

variable "reserve_concurrency" {
  description = "Whether functions have a bound of their own; a new account with 10 at once can't give any away."
  type        = bool
  default     = true
}

variable "billing_alarms" {
  description = "Dollars a month at which people are told; at the last, what streams is stopped."
  type        = list(number)
  default     = [25, 50]
}

variable "alarm_email" {
  description = "Who is told by mail; empty for nobody."
  type        = string
  default     = ""
}

variable "cache_policy_id" {
  description = "CloudFront's cache policy; empty looks up the managed one, which an emulator may not have."
  type        = string
  default     = ""
}

variable "disposable" {
  description = "Whether `terraform destroy` may remove what holds data."
  type        = bool
  default     = false
}
