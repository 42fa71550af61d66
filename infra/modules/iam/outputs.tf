output "arns" {
  description = "The roles' ARNs by name."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
}
