variable "name" {
  description = "What the key's alias is called."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,40}$", var.name))
    error_message = "name must be 3 to 41 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "services" {
  description = "Services of AWS that encrypt with the key for this account, as in `sns` of sns.amazonaws.com."
  type        = set(string)
  default     = ["cloudtrail", "cloudwatch", "events", "sns"]

  validation {
    condition     = alltrue([for name in var.services : can(regex("^[a-z-]+$", name))])
    error_message = "services must be names without `.amazonaws.com`, and none of them `*`."
  }
}

variable "deletion_window_days" {
  description = "Days in which a deleted key can be brought back."
  type        = number
  default     = 30

  validation {
    condition     = var.deletion_window_days >= 7 && var.deletion_window_days <= 30
    error_message = "deletion_window_days must be 7 to 30."
  }
}
