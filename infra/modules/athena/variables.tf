variable "name" {
  description = "The workgroup's name."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9._-]{1,128}$", var.name))
    error_message = "name must be 1 to 128 letters, digits, dots, hyphens and underscores."
  }
}

variable "database" {
  description = "The Glue database that queries read."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]*$", var.database))
    error_message = "database must be lower-case letters, digits and underscores."
  }
}

variable "queries" {
  description = "SQL by the name of the query; its first line is a comment that says what it is for."
  type        = map(string)

  validation {
    condition     = alltrue([for sql in values(var.queries) : startswith(sql, "-- ")])
    error_message = "A query begins with a line `-- what it is for`."
  }
}

variable "results_bucket" {
  description = "The bucket that takes results, under athena/."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that results are encrypted with."
  type        = string
}

variable "max_scanned_gib" {
  description = "What one query may read, in GiB; Athena charges $5 a TB."
  type        = number
  default     = 10

  validation {
    condition     = var.max_scanned_gib >= 1 && var.max_scanned_gib <= 200
    error_message = "max_scanned_gib must be 1 to 200 (a dollar)."
  }
}

variable "force_destroy" {
  description = "Whether `terraform destroy` may remove a workgroup with a history."
  type        = bool
  default     = false
}
