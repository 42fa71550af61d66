variable "name" {
  description = "The dashboard's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,40}$", var.name))
    error_message = "name must be 3 to 41 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "region" {
  description = "Where the metrics are."
  type        = string

  validation {
    condition     = var.region == "us-east-1"
    error_message = "region must be us-east-1: AWS publishes charges there only."
  }
}

variable "account" {
  description = "The account whose alarms may use the topics."
  type        = string
}

variable "database" {
  description = "The lake's database: alarms and topics begin with it, and quality metrics have it as a dimension."
  type        = string
}

variable "streams" {
  description = "Stream names by what they are for."
  type        = object({ trades = string, dead_letters = string })
}

variable "api_name" {
  description = "The REST API's name."
  type        = string
}

variable "api_url" {
  description = "Where the API answers."
  type        = string
}

variable "application_id" {
  description = "The EMR Serverless application."
  type        = string
}

variable "cluster" {
  description = "The producer's ECS cluster."
  type        = string
}

variable "service" {
  description = "The producer's ECS service."
  type        = string
}

variable "billing_alarms" {
  description = "Dollars a month at which people are told; at the last one, what streams is stopped too."
  type        = list(number)
  default     = [25, 50]

  validation {
    condition     = length(var.billing_alarms) > 0 && alltrue([for dollars in var.billing_alarms : dollars > 0 && dollars <= 500])
    error_message = "billing_alarms must be one or more amounts up to $500."
  }
}

variable "email" {
  description = "Who is told by mail (they have to confirm once); empty for nobody."
  type        = string
  default     = ""

  validation {
    condition     = var.email == "" || can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", var.email))
    error_message = "email must be an address or empty."
  }
}

variable "package" {
  description = "Path of the zip that holds ctc/ and profiles/."
  type        = string
}

variable "environment" {
  description = "The function's environment."
  type        = map(string)
}

variable "architecture" {
  description = "arm64 or x86_64: that of the packages in the zip."
  type        = string
  default     = "arm64"
}

variable "max_concurrency" {
  description = "Functions at once; -1 leaves it to the account."
  type        = number
  default     = 1
}

variable "auto_stop_role_arn" {
  description = "What the function may do."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that messages and logs are encrypted with."
  type        = string
}
