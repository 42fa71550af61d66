output "arns" {
  description = "ARNs by what the tables hold."
  value       = { alerts = aws_dynamodb_table.alerts.arn, metrics = aws_dynamodb_table.metrics.arn }
}

output "names" {
  description = "Names by what the tables hold."
  value       = { alerts = aws_dynamodb_table.alerts.name, metrics = aws_dynamodb_table.metrics.name }
}
