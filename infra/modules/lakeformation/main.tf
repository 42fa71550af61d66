# Who may read the lake is said here, not in IAM. Registering the bucket alone would change nothing while Glue grants everything to
# everybody who has IAM's leave (IAMAllowedPrincipals): hence the empty defaults.
resource "aws_lakeformation_resource" "lake" {
  arn                     = var.bucket_arn
  use_service_linked_role = true
}

resource "aws_lakeformation_data_lake_settings" "this" {
  admins = var.admins

  lifecycle {
    precondition {
      condition     = length(var.admins) > 0
      error_message = "Lake Formation without an administrator locks everybody out: name at least one."
    }
  }
}

resource "aws_lakeformation_permissions" "database" {
  for_each = var.readers

  principal   = each.value.role_arn
  permissions = each.value.writes ? ["ALL"] : ["DESCRIBE"]

  database {
    name = var.database
  }

  depends_on = [aws_lakeformation_data_lake_settings.this, aws_lakeformation_resource.lake]
}

# All tables, also those to come.
resource "aws_lakeformation_permissions" "every_table" {
  for_each = { for name, reader in var.readers : name => reader if reader.tables == null && !reader.payload_hidden }

  principal   = each.value.role_arn
  permissions = each.value.writes ? ["ALL"] : ["DESCRIBE", "SELECT"]

  table {
    database_name = var.database
    wildcard      = true
  }

  depends_on = [aws_lakeformation_data_lake_settings.this]
}

# Grants on single tables need the tables, which the code makes: `tables` is empty until then.
locals {
  single = merge([for name, reader in var.readers : {
    for table, columns in var.tables : "${name}:${table}" => {
      role_arn = reader.role_arn
      table    = table
      hidden   = reader.payload_hidden ? setintersection(columns, var.hidden_columns) : toset([])
    } if reader.payload_hidden || try(contains(reader.tables, table), false)
  }]...)
}

resource "aws_lakeformation_permissions" "table" {
  for_each = { for key, grant in local.single : key => grant if length(grant.hidden) == 0 }

  principal   = each.value.role_arn
  permissions = ["DESCRIBE", "SELECT"]

  table {
    database_name = var.database
    name          = each.value.table
  }

  depends_on = [aws_lakeformation_data_lake_settings.this]
}

resource "aws_lakeformation_permissions" "columns" {
  for_each = { for key, grant in local.single : key => grant if length(grant.hidden) > 0 }

  principal   = each.value.role_arn
  permissions = ["SELECT"]

  table_with_columns {
    database_name         = var.database
    name                  = each.value.table
    wildcard              = true
    excluded_column_names = each.value.hidden
  }

  depends_on = [aws_lakeformation_data_lake_settings.this]
}
