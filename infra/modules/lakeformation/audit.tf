# Who was granted what, and who asked: management events are free in an account's first trail.
resource "aws_cloudtrail" "audit" {
  name                          = var.trail_name
  s3_bucket_name                = var.audit_bucket
  kms_key_id                    = var.kms_key_arn
  enable_log_file_validation    = true
  include_global_service_events = true
  is_multi_region_trail         = true
}
