output "database" {
  description = "The database's name."
  value       = aws_glue_catalog_database.this.name
}

output "arns" {
  description = "The catalog, the database and its tables, as policies name them."
  value = [
    replace(aws_glue_catalog_database.this.arn, "/:database/.*$/", ":catalog"),
    aws_glue_catalog_database.this.arn,
    "${replace(aws_glue_catalog_database.this.arn, ":database/", ":table/")}/*",
  ]
}
