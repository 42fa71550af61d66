output "trail_arn" {
  description = "The audit trail's ARN."
  value       = aws_cloudtrail.audit.arn
}

output "hidden_from" {
  description = "Which roles have tables with hidden columns, as in `analyst-role:raw_trades`."
  value       = keys(aws_lakeformation_permissions.columns)
}
