# The database only. Its tables are Iceberg's, made from ctc/schema.py by the code that writes them: a table made by Terraform
# would be a second definition of the same columns.
resource "aws_glue_catalog_database" "this" {
  name         = var.database
  description  = "Trades, bars, spreads and anomalies as Iceberg tables"
  location_uri = "s3://${var.bucket}/${var.database}"
}
