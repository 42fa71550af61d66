output "private_subnets" {
  description = "Where Spark's workers run: no way to the internet."
  value       = aws_subnet.private[*].id
}

output "public_subnet" {
  description = "Where the producer runs: it calls the exchanges."
  value       = aws_subnet.public.id
}

output "jobs_security_group" {
  description = "What Spark's workers belong to."
  value       = aws_security_group.jobs.id
}

output "vpc" {
  description = "The VPC's id."
  value       = aws_vpc.this.id
}
