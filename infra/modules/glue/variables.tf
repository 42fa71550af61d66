variable "database" {
  description = "The lake's database."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,254}$", var.database))
    error_message = "database must be lower-case letters, digits and underscores (Glue folds the rest), beginning with a letter."
  }
}

variable "bucket" {
  description = "The bucket that holds the tables' files."
  type        = string

  validation {
    condition     = length(var.bucket) >= 3 && !startswith(var.bucket, "s3:")
    error_message = "bucket must be a bucket's name, not a URL."
  }
}
