# Alarms tell one topic; the last billing alarm tells a second one, which also stops what costs money.
resource "aws_sns_topic" "this" {
  for_each = { alarms = "${var.database}-alarms", stop = "${var.database}-stop" }

  name              = each.value
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_subscription" "people" {
  for_each = var.email == "" ? {} : aws_sns_topic.this

  topic_arn = each.value.arn
  protocol  = "email"
  endpoint  = var.email
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.database}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.periods
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.this[each.value.topic].arn]
  ok_actions          = each.value.topic == "stop" ? [] : [aws_sns_topic.this[each.value.topic].arn]
}

# EMR Serverless publishes no metric of failed jobs, but an event of each.
resource "aws_cloudwatch_event_rule" "job_failed" {
  name        = "${var.database}-job-failed"
  description = "A Spark job failed"

  event_pattern = jsonencode({
    source      = ["aws.emr-serverless"]
    detail-type = ["EMR Serverless Job Run State Change"]
    detail      = { applicationId = [var.application_id], state = ["FAILED"] }
  })
}

resource "aws_cloudwatch_event_target" "job_failed" {
  rule = aws_cloudwatch_event_rule.job_failed.name
  arn  = aws_sns_topic.this["alarms"].arn
}

data "aws_iam_policy_document" "topic" {
  for_each = aws_sns_topic.this

  statement {
    sid       = "AlarmsAndEventsTell"
    actions   = ["sns:Publish"]
    resources = [each.value.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "events.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account]
    }
  }
}

resource "aws_sns_topic_policy" "this" {
  for_each = aws_sns_topic.this

  arn    = each.value.arn
  policy = data.aws_iam_policy_document.topic[each.key].json
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({ widgets = local.widgets })
}
