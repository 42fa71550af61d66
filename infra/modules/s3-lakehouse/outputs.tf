output "names" {
  description = "Bucket names by use."
  value       = { for use, bucket in aws_s3_bucket.this : use => bucket.id }
}

output "arns" {
  description = "Bucket ARNs by use."
  value       = { for use, bucket in aws_s3_bucket.this : use => bucket.arn }
}
