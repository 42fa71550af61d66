variable "name" {
  description = "What the distribution's parts are called."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,50}$", var.name))
    error_message = "name must be 3 to 51 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "bucket" {
  description = "The bucket that holds the build."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket must be 3 to 63 lower-case letters, digits and hyphens."
  }
}

variable "api_origin" {
  description = "The one origin besides its own that the page may call, as in https://abc.execute-api.us-east-1.amazonaws.com."
  type        = string

  validation {
    condition     = can(regex("^https?://[^/ ;*]+$", var.api_origin))
    error_message = "api_origin must be a scheme and a host, without a path and without `*`."
  }
}

variable "cache_policy_id" {
  description = "CloudFront's cache policy; empty looks up Managed-CachingOptimized."
  type        = string
  default     = ""
}
