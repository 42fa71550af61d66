output "id" {
  description = "The application's id, for job runs."
  value       = aws_emrserverless_application.this.id
}

output "arn" {
  description = "The application's ARN."
  value       = aws_emrserverless_application.this.arn
}

output "log_group" {
  description = "Where jobs log."
  value       = aws_cloudwatch_log_group.jobs.name
}
