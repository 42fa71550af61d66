variable "name" {
  description = "What everything in the VPC is called after."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,40}$", var.name))
    error_message = "name must be 3 to 41 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "cidr" {
  description = "The VPC's addresses."
  type        = string
  default     = "10.42.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "cidr must be a block of IPv4 addresses, /16."
  }
}

variable "streaming" {
  description = "Whether something streams now: the interface endpoints are there only then."
  type        = bool
}

variable "interface_endpoints" {
  description = "Services that Spark's workers call, besides S3 and DynamoDB."
  type        = set(string)
  default     = ["glue", "kinesis-streams", "kms", "logs", "monitoring", "sts"]

  validation {
    condition     = length(var.interface_endpoints) <= 10
    error_message = "At most 10 interface endpoints: each costs $0.01 an hour and zone."
  }
}
