output "topics" {
  description = "ARNs of the topics: `alarms` tells people, `stop` also stops what streams."
  value       = { for use, topic in aws_sns_topic.this : use => topic.arn }
}

output "alarms" {
  description = "The alarms' names."
  value       = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name]
}
