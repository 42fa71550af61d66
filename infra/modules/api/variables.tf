variable "name" {
  description = "The API's name, and its function's."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,60}$", var.name))
    error_message = "name must be 3 to 61 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "package" {
  description = "Path of the zip that holds ctc/, profiles/ and the packages that the API needs."
  type        = string

  validation {
    condition     = endswith(var.package, ".zip")
    error_message = "package must be a .zip."
  }
}

variable "environment" {
  description = "The function's environment: CTC_PROFILE, and single settings as CTC_TABLE__KEY."
  type        = map(string)

  validation {
    condition     = contains(keys(var.environment), "CTC_PROFILE") && alltrue([for key in keys(var.environment) : startswith(key, "CTC_")])
    error_message = "environment must have CTC_PROFILE, and only variables that begin with CTC_."
  }
}

variable "architecture" {
  description = "arm64 or x86_64: that of the packages in the zip."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "role_arn" {
  description = "What the function may do."
  type        = string
}

variable "logging_role_arn" {
  description = "The role by which API Gateway writes logs."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that logs and the function's environment are encrypted with."
  type        = string
}

variable "stage" {
  description = "The stage's name, the first part of every path."
  type        = string
  default     = "v1"

  validation {
    condition     = can(regex("^[a-z0-9]{1,20}$", var.stage))
    error_message = "stage must be 1 to 20 lower-case letters and digits."
  }
}

variable "requests_per_s" {
  description = "Requests a second, of all readers together; beyond it 429."
  type        = number
  default     = 100

  validation {
    condition     = var.requests_per_s >= 1 && var.requests_per_s <= 1000
    error_message = "requests_per_s must be 1 to 1000."
  }
}

variable "burst" {
  description = "Requests at once."
  type        = number
  default     = 200

  validation {
    condition     = var.burst >= 1 && var.burst <= 2000
    error_message = "burst must be 1 to 2000."
  }
}

variable "requests_per_day" {
  description = "Requests a day of one reader with a key."
  type        = number
  default     = 100000

  validation {
    condition     = var.requests_per_day >= 1000
    error_message = "requests_per_day must be at least 1000: a dashboard that polls every 10 s asks 8,640 times."
  }
}

variable "cache_gb" {
  description = "Size of the stage's cache; 0 is none, since the smallest costs $0.02 an hour, day and night."
  type        = number
  default     = 0

  validation {
    condition     = contains([0, 0.5, 1.6], var.cache_gb)
    error_message = "cache_gb must be 0, 0.5 or 1.6."
  }
}

variable "max_concurrency" {
  description = "Functions at once; -1 leaves it to the account. A bound on what a flood of requests costs."
  type        = number
  default     = 20

  validation {
    condition     = var.max_concurrency == -1 || (var.max_concurrency >= 1 && var.max_concurrency <= 100)
    error_message = "max_concurrency must be 1 to 100, or -1."
  }
}
