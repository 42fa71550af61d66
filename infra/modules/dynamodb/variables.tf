variable "alerts_table" {
  description = "The table of alerts."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9_.-]{3,255}$", var.alerts_table))
    error_message = "alerts_table must be 3 to 255 letters, digits, dots, hyphens and underscores."
  }
}

variable "metrics_table" {
  description = "The table of each symbol's latest values."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9_.-]{3,255}$", var.metrics_table)) && var.metrics_table != var.alerts_table
    error_message = "metrics_table must be 3 to 255 letters, digits, dots, hyphens and underscores, and not the table of alerts."
  }
}

variable "kms_key_arn" {
  description = "The key that items are encrypted with."
  type        = string
}

variable "deletion_protection" {
  description = "Whether the tables refuse to be deleted."
  type        = bool
  default     = true
}
