variable "bucket_arn" {
  description = "The bucket that holds the lake's tables."
  type        = string
}

variable "database" {
  description = "The lake's database."
  type        = string
}

variable "admins" {
  description = "ARNs of those who administer Lake Formation."
  type        = list(string)

  validation {
    condition     = alltrue([for arn in var.admins : startswith(arn, "arn:aws:iam::")])
    error_message = "admins must be ARNs of IAM users or roles."
  }
}

variable "readers" {
  description = <<-EOT
    Who may read (PRD 12.1), by role: `tables` (null: all), `writes` for the jobs, `payload_hidden` for whom `hidden_columns` are not.
  EOT

  type = map(object({
    role_arn       = string
    tables         = optional(set(string))
    writes         = optional(bool, false)
    payload_hidden = optional(bool, false)
  }))

  validation {
    condition     = alltrue([for reader in var.readers : !(reader.writes && (reader.payload_hidden || reader.tables != null))])
    error_message = "Who writes the lake must be able to read all of it."
  }
}

variable "tables" {
  description = "Columns by table, of the tables that are there; empty before the first session has made them."
  type        = map(set(string))
  default     = {}

  validation {
    condition     = alltrue([for table in keys(var.tables) : can(regex("^[a-z][a-z0-9_]*$", table))])
    error_message = "A table's name is lower-case letters, digits and underscores."
  }
}

variable "hidden_columns" {
  description = "Columns that an analyst does not see."
  type        = set(string)
  default     = ["raw_event_payload"]

  validation {
    condition     = length(var.hidden_columns) > 0
    error_message = "hidden_columns must not be empty: set payload_hidden = false instead."
  }
}

variable "trail_name" {
  description = "The audit trail's name."
  type        = string
}

variable "audit_bucket" {
  description = "Where the trail is kept."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that the trail is encrypted with."
  type        = string
}
