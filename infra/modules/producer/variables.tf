variable "name" {
  description = "The repository's, the cluster's and the task's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,50}$", var.name))
    error_message = "name must be 3 to 51 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "region" {
  description = "Where the logs go."
  type        = string
}

variable "image_tag" {
  description = "The image that runs, by a tag that never moves."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]{1,128}$", var.image_tag)) && var.image_tag != "latest"
    error_message = "image_tag must name one image, and not `latest`."
  }
}

variable "environment" {
  description = "The container's environment; no secret: exchanges' public channels need none."
  type        = map(string)

  validation {
    condition     = alltrue([for key in keys(var.environment) : !can(regex("(?i)secret|password|token|api_?key", key))])
    error_message = "environment must not carry a secret."
  }
}

variable "streaming" {
  description = "Whether the task runs."
  type        = bool
}

variable "cpu" {
  description = "CPU units of the task; 256 is a quarter of a vCPU."
  type        = number
  default     = 256

  validation {
    condition     = contains([256, 512, 1024], var.cpu)
    error_message = "cpu must be 256, 512 or 1024."
  }
}

variable "memory" {
  description = "The task's memory in MiB; the producer was measured at 0.28 GiB."
  type        = number
  default     = 1024

  validation {
    condition     = contains([512, 1024, 2048], var.memory)
    error_message = "memory must be 512, 1024 or 2048."
  }
}

variable "vpc" {
  description = "The VPC's id."
  type        = string
}

variable "subnet" {
  description = "A subnet with a way to the internet."
  type        = string
}

variable "task_role_arn" {
  description = "What the producer may do: write the streams."
  type        = string
}

variable "execution_role_arn" {
  description = "What starts it may do: pull the image, write logs."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that images and logs are encrypted with."
  type        = string
}

variable "force_destroy" {
  description = "Whether `terraform destroy` may remove a repository with images."
  type        = bool
  default     = false
}
