output "settings" {
  description = "What the code must be told to find all this: settings by dotted key of the profile."
  value       = local.settings
}

output "api_url" {
  description = "Where the API answers."
  value       = module.api.url
}

output "api_id" {
  description = "The REST API's id."
  value       = module.api.id
}

output "dashboard_url" {
  description = "Where the dashboard is."
  value       = module.dashboard.url
}

output "dashboard_bucket" {
  description = "Where the dashboard's build goes."
  value       = module.dashboard.bucket
}

output "application_id" {
  description = "The EMR Serverless application, for job runs."
  value       = module.emr_serverless.id
}

output "job_role_arn" {
  description = "The role that job runs take."
  value       = module.iam.arns.emr-execution-role
}

output "artifacts_bucket" {
  description = "Where jobs' code goes."
  value       = module.s3_lakehouse.names.artifacts
}

output "image_repository" {
  description = "Where the producer's image is pushed."
  value       = module.producer.repository
}

output "state_machine_arn" {
  description = "The daily batch."
  value       = module.stepfunctions.arn
}

output "alarm_topic_arn" {
  description = "Who is told of alarms subscribes here."
  value       = module.monitoring.topics.alarms
}

output "hidden_columns" {
  description = "Which roles have tables with hidden columns."
  value       = module.lakeformation.hidden_from
}

output "environment" {
  description = "What each function's environment begins with: the settings as the code reads them."
  value       = local.environment
}

output "streaming" {
  description = "Whether what costs by the hour is there."
  value       = var.streaming
}

output "made" {
  description = "Identifiers of resources, as the command line finds them in SSM."
  value       = local.made
}

output "spark_properties" {
  description = "What a job run is given."
  value       = local.spark_properties
}
