output "url" {
  description = "Where the dashboard is."
  value       = "https://${aws_cloudfront_distribution.this.domain_name}"
}

output "bucket" {
  description = "Where a build goes."
  value       = aws_s3_bucket.site.id
}

output "distribution" {
  description = "What to invalidate after a build."
  value       = aws_cloudfront_distribution.this.id
}
