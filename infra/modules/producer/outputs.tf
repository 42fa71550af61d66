output "repository" {
  description = "Where the image is pushed."
  value       = aws_ecr_repository.this.repository_url
}

output "cluster" {
  description = "The cluster's name."
  value       = aws_ecs_cluster.this.name
}

output "service" {
  description = "The service's name."
  value       = aws_ecs_service.this.name
}
