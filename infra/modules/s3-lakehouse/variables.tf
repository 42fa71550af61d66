variable "buckets" {
  description = "Bucket names by use: raw, processed, checkpoints, artifacts and audit."
  type        = map(string)

  validation {
    condition     = toset(keys(var.buckets)) == toset(["raw", "processed", "checkpoints", "artifacts", "audit"])
    error_message = "buckets must name exactly raw, processed, checkpoints, artifacts and audit."
  }

  validation {
    condition     = alltrue([for name in values(var.buckets) : can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", name))])
    error_message = "A bucket's name has 3 to 63 lower-case letters, digits and hyphens."
  }
}

variable "kms_key_arn" {
  description = "The key that objects are encrypted with."
  type        = string

  validation {
    condition     = startswith(var.kms_key_arn, "arn:aws:kms:")
    error_message = "kms_key_arn must be the ARN of a KMS key."
  }
}

variable "trail_arn" {
  description = "The CloudTrail trail that may write into the audit bucket."
  type        = string

  validation {
    condition     = startswith(var.trail_arn, "arn:aws:cloudtrail:")
    error_message = "trail_arn must be the ARN of a trail."
  }
}

variable "dead_letter_days" {
  description = "Days that a refused record can be looked at and sent again (ctc.quality.letters.RETENTION_DAYS)."
  type        = number
  default     = 7

  validation {
    condition     = var.dead_letter_days >= 1 && var.dead_letter_days <= 30
    error_message = "dead_letter_days must be 1 to 30."
  }
}

variable "deleted_kept_days" {
  description = "Days that a deleted or replaced object can be brought back where the bucket has versions."
  type        = number
  default     = 7

  validation {
    condition     = var.deleted_kept_days >= 1 && var.deleted_kept_days <= 90
    error_message = "deleted_kept_days must be 1 to 90."
  }
}

variable "force_destroy" {
  description = "Whether `terraform destroy` may remove buckets that hold something."
  type        = bool
  default     = false
}
