variable "streams" {
  description = "Streams by what they are for (`trades`, `dead_letters`); none while nothing streams, since each costs by the hour."
  type        = map(string)

  validation {
    condition     = alltrue([for name in values(var.streams) : can(regex("^[a-zA-Z0-9_.-]{1,128}$", name))])
    error_message = "A stream's name has 1 to 128 letters, digits, dots, hyphens and underscores."
  }

  validation {
    condition     = length(distinct(values(var.streams))) == length(var.streams)
    error_message = "Two streams must not have one name."
  }
}

variable "shards" {
  description = "Shards of each stream; 0 means on demand."
  type        = number

  validation {
    condition     = var.shards >= 0 && var.shards <= 16 && floor(var.shards) == var.shards
    error_message = "shards must be a whole number from 0 (on demand) to 16."
  }
}

variable "retention_hours" {
  description = "How long a record stays: the longest stop that loses nothing."
  type        = number
  default     = 24

  validation {
    condition     = var.retention_hours >= 24 && var.retention_hours <= 168
    error_message = "retention_hours must be 24 to 168: beyond a week AWS charges for long-term retention."
  }
}

variable "kms_key_arn" {
  description = "The key that records are encrypted with."
  type        = string

  validation {
    condition     = startswith(var.kms_key_arn, "arn:aws:kms:")
    error_message = "kms_key_arn must be the ARN of a KMS key."
  }
}
