# Whatever keeps data has the project's key (KMS); what everybody may read has at least S3's own.
package ctc.encryption

import data.ctc.plan
import rego.v1

keys := {
	"aws_kinesis_stream": "kms_key_id",
	"aws_cloudwatch_log_group": "kms_key_id",
	"aws_sns_topic": "kms_master_key_id",
	"aws_lambda_function": "kms_key_arn",
	"aws_cloudtrail": "kms_key_id",
	"aws_scheduler_schedule": "kms_key_arn",
}

deny contains message if {
	some resource in plan.resources
	attribute := keys[resource.type]
	not plan.given(resource, attribute)
	message := sprintf("%s: no %s", [resource.address, attribute])
}

deny contains message if {
	some resource in plan.resources
	resource.type == "aws_kinesis_stream"
	object.get(resource.after, "encryption_type", "NONE") != "KMS"
	message := sprintf("%s: encryption_type is not KMS", [resource.address])
}

deny contains message if {
	some resource in plan.resources
	resource.type == "aws_dynamodb_table"
	count([block | some block in object.get(resource.after, "server_side_encryption", []); block.enabled == true]) == 0
	message := sprintf("%s: no server_side_encryption", [resource.address])
}

# Each bucket has an encryption of its own, counted by module: a bucket's name may not be known yet.
deny contains message if {
	some module in {split(resource.address, ".aws_s3_bucket.")[0] | some resource in plan.resources; resource.type == "aws_s3_bucket"}
	buckets := count([1 | some resource in plan.resources; resource.type == "aws_s3_bucket"; startswith(resource.address, module)])
	encrypted := count([1 | some resource in plan.resources; resource.type == "aws_s3_bucket_server_side_encryption_configuration"; startswith(resource.address, module)])
	encrypted < buckets
	message := sprintf("%s: %d buckets, %d of them encrypted", [module, buckets, encrypted])
}
