# Iceberg's files and Spark's checkpoints are never aged by S3: a table's old file may be its only one. `maintain` ages them.
# What has been deleted is another matter: its old version goes after a while.
locals {
  aged = {
    raw = {
      historical   = { prefix = "historical/", colder_after = 30, gone_after = 90 }
      dead-letters = { prefix = "dlq/", colder_after = null, gone_after = var.dead_letter_days }
    }
    artifacts = {
      query-results = { prefix = "athena/", colder_after = null, gone_after = 7 }
    }
    audit = {
      trail = { prefix = "AWSLogs/", colder_after = 30, gone_after = 365 }
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  dynamic "rule" {
    for_each = lookup(local.aged, each.key, {})

    content {
      id     = rule.key
      status = "Enabled"

      filter {
        prefix = rule.value.prefix
      }

      dynamic "transition" {
        for_each = rule.value.colder_after == null ? [] : [rule.value.colder_after]

        content {
          days          = transition.value
          storage_class = "STANDARD_IA"
        }
      }

      expiration {
        days = rule.value.gone_after
      }
    }
  }

  rule {
    id     = "leftovers"
    status = "Enabled"

    filter {
      prefix = ""
    }

    noncurrent_version_expiration {
      noncurrent_days = var.deleted_kept_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}
