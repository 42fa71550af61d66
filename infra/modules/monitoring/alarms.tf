locals {
  quality = { namespace = "CryptoPulse/Quality", dimensions = { Lake = var.database } }
  billing = { namespace = "AWS/Billing", dimensions = { Currency = "USD" } }

  # `quality-score` is ctc.quality.alarms'; a test compares them.
  alarms = merge({
    quality-score = merge(local.quality, {
      description = "Less than 95 % of the records passed all checks, for 5 minutes (PRD 9.3)"
      metric      = "QualityScore", statistic = "Average", period = 60, periods = 5
      comparison  = "LessThanThreshold", threshold = 95, topic = "alarms"
    })

    iterator-age = {
      description = "The trades stream is read more than a minute late: Spark is behind, or down"
      namespace   = "AWS/Kinesis", dimensions = { StreamName = var.streams.trades }
      metric      = "GetRecords.IteratorAgeMilliseconds", statistic = "Maximum", period = 60, periods = 3
      comparison  = "GreaterThanThreshold", threshold = 60000, topic = "alarms"
    }

    dead-letters-growing = {
      description = "More than 100 unreadable frames in each of three times 5 minutes: an exchange has changed its format"
      namespace   = "AWS/Kinesis", dimensions = { StreamName = var.streams.dead_letters }
      metric      = "IncomingRecords", statistic = "Sum", period = 300, periods = 3
      comparison  = "GreaterThanThreshold", threshold = 100, topic = "alarms"
    }

    api-errors = {
      description = "The API failed more than 5 requests in each of two times 5 minutes"
      namespace   = "AWS/ApiGateway", dimensions = { ApiName = var.api_name }
      metric      = "5XXError", statistic = "Sum", period = 300, periods = 2
      comparison  = "GreaterThanThreshold", threshold = 5, topic = "alarms"
    }
    }, {
    for dollars in var.billing_alarms : "billing-${dollars}" => merge(local.billing, {
      description = "This month's charges are past ${dollars} dollars"
      metric      = "EstimatedCharges", statistic = "Maximum", period = 21600, periods = 1
      comparison  = "GreaterThanThreshold", threshold = dollars
      topic       = dollars == max(var.billing_alarms...) ? "stop" : "alarms"
    })
  })

  widgets = [
    for index, widget in local.panels : {
      type       = widget.type, x = (index % 2) * 12, y = floor(index / 2) * 6, width = 12, height = 6
      properties = merge({ region = var.region }, widget.properties)
    }
  ]

  quality_metric = { for name in ["QualityScore", "FailureRate", "RecordsPassed", "RecordsFailed", "RecordsLate", "RecordsDuplicate"] :
    name => [local.quality.namespace, name, "Lake", var.database]
  }

  # PRD 9.5. CloudWatch has no reasons of single records: the last panel says where they are.
  panels = [
    { type = "metric", properties = {
      title   = "Quality score", view = "gauge", stat = "Average", period = 60, yAxis = { left = { min = 90, max = 100 } }
      metrics = [local.quality_metric.QualityScore], annotations = { horizontal = [{ value = 99, label = "target" }] }
    } },
    { type = "metric", properties = {
      title   = "Passed and failed, 24 hours", view = "timeSeries", stat = "Sum", period = 300, start = "-PT24H"
      metrics = [local.quality_metric.RecordsPassed, local.quality_metric.RecordsFailed]
    } },
    { type = "metric", properties = {
      title   = "What was wrong", view = "bar", stat = "Sum", period = 86400
      metrics = [local.quality_metric.RecordsFailed, local.quality_metric.RecordsLate, local.quality_metric.RecordsDuplicate]
    } },
    { type = "metric", properties = {
      title = "How far behind the stream is read, ms", view = "timeSeries", stat = "Maximum", period = 60
      metrics = [for name in values(var.streams) :
        ["AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", "StreamName", name]
      ]
    } },
    { type = "text", properties = {
      markdown = "Dead letters with their reasons: `GET ${var.api_url}/quality`, `ctc dlq ls`, or Athena's query `quality-by-reason`."
    } },
  ]
}
