output "arns" {
  description = "ARNs by what the streams are for."
  value       = { for use, stream in aws_kinesis_stream.this : use => stream.arn }
}

output "names" {
  description = "Names by what the streams are for."
  value       = { for use, stream in aws_kinesis_stream.this : use => stream.name }
}
