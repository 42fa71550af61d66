variable "name" {
  description = "What the roles' names begin with."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name must be 3 to 31 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "account" {
  description = "The account whose services and people may take the roles."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account))
    error_message = "account must be twelve digits."
  }
}

variable "roles" {
  description = <<-EOT
    Roles by name. `service` takes it (null: people of the account). `may` are statements by Sid: actions on resources, `only`
    where a condition key equals a value; `anywhere` is the reason why AWS has no resource to name.
  EOT

  type = map(object({
    description = string
    service     = optional(string)
    may = optional(map(object({
      actions   = list(string)
      resources = optional(list(string), [])
      anywhere  = optional(string)
      only      = optional(map(string), {})
    })), {})
  }))

  validation {
    condition = alltrue(flatten([for role in var.roles : [for grant in role.may : [
      for action in grant.actions : can(regex("^[a-z0-9-]+:[A-Za-z]+$", action))
    ]]]))
    error_message = "An action must be written out, as in s3:GetObject: no `*`."
  }

  validation {
    condition = alltrue(flatten([for role in var.roles : [for grant in role.may : [
      for resource in grant.resources : resource != "*"
    ]]]))
    error_message = "A resource must not be `*`; say `anywhere = \"why\"` where AWS has none to name."
  }

  validation {
    condition = alltrue(flatten([for role in var.roles : [
      for grant in role.may : (length(grant.resources) > 0) != (grant.anywhere != null)
    ]]))
    error_message = "A statement has either resources or a reason why it applies anywhere."
  }
}
