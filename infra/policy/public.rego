# No bucket is public, nothing listens to the internet, and whoever may call something is named.
package ctc.public

import data.ctc.plan
import rego.v1

blocks := {"block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"}

deny contains message if {
	some resource in plan.resources
	resource.type == "aws_s3_bucket_public_access_block"
	some name in blocks
	object.get(resource.after, name, false) != true
	message := sprintf("%s: %s is not true", [resource.address, name])
}

deny contains message if {
	some module in {split(resource.address, ".aws_s3_bucket.")[0] | some resource in plan.resources; resource.type == "aws_s3_bucket"}
	buckets := count([1 | some resource in plan.resources; resource.type == "aws_s3_bucket"; startswith(resource.address, module)])
	blocked := count([1 | some resource in plan.resources; resource.type == "aws_s3_bucket_public_access_block"; startswith(resource.address, module)])
	blocked < buckets
	message := sprintf("%s: %d buckets, %d of them closed to the public", [module, buckets, blocked])
}

deny contains message if {
	some resource in plan.resources
	resource.type == "aws_s3_bucket_acl"
	contains(object.get(resource.after, "acl", ""), "public")
	message := sprintf("%s: a public ACL", [resource.address])
}

deny contains message if {
	some resource in plan.resources
	resource.type == "aws_vpc_security_group_ingress_rule"
	object.get(resource.after, "cidr_ipv4", null) == "0.0.0.0/0"
	message := sprintf("%s: open to the internet", [resource.address])
}

deny contains message if {
	some resource in plan.resources
	resource.type in {"aws_security_group", "aws_default_security_group"}
	some rule in object.get(resource.after, "ingress", [])
	"0.0.0.0/0" in object.get(rule, "cidr_blocks", [])
	message := sprintf("%s: open to the internet", [resource.address])
}

deny contains message if {
	some resource in plan.resources
	resource.type == "aws_lambda_permission"
	object.get(resource.after, "principal", "*") == "*"
	message := sprintf("%s: anybody may call it", [resource.address])
}
