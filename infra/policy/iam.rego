# No role may do everything, or anything everywhere; where AWS has no resource to name, the action is in this list.
package ctc.iam

import data.ctc.plan
import rego.v1

# Actions without resources of their own (AWS, "Actions, resources, and condition keys").
nowhere := {
	"cloudwatch:PutMetricData",
	"ecr:GetAuthorizationToken",
	"lakeformation:GetDataAccess",
	"logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
	"logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
	"xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
}

documents contains {"address": resource.address, "document": json.unmarshal(resource.after.policy)} if {
	some resource in plan.resources
	resource.type in {"aws_iam_role_policy", "aws_iam_policy"}
	is_string(resource.after.policy)
}

statements contains {"address": each.address, "statement": statement} if {
	some each in documents
	some statement in listed(each.document.Statement)
	statement.Effect == "Allow"
}

# Before an apply a policy's text is not known yet, but what it is made from mostly is.
statements contains {"address": change.address, "statement": {"Action": statement.actions, "Resource": object.get(statement, "resources", [])}} if {
	some change in input.resource_changes
	change.mode == "data"
	change.type == "aws_iam_policy_document"
	startswith(change.address, "module.iam.")
	some statement in change.change.after.statement
	object.get(statement, "effect", null) in {null, "Allow"}
	is_array(object.get(statement, "actions", null))
}

listed(value) := value if is_array(value)

listed(value) := [value] if not is_array(value)

deny contains message if {
	some each in statements
	some action in listed(each.statement.Action)
	contains(action, "*")
	message := sprintf("%s: the action %s", [each.address, action])
}

deny contains message if {
	some each in statements
	"*" in listed(each.statement.Resource)
	some action in listed(each.statement.Action)
	not action in nowhere
	message := sprintf("%s: %s on any resource", [each.address, action])
}

deny contains message if {
	some each in statements
	"NotAction" in object.keys(each.statement)
	message := sprintf("%s: NotAction", [each.address])
}

# Whoever may take a role is a service, or of this account.
deny contains message if {
	some resource in plan.resources
	resource.type == "aws_iam_role"
	is_string(resource.after.assume_role_policy)
	some statement in listed(json.unmarshal(resource.after.assume_role_policy).Statement)
	statement.Principal in {"*", {"AWS": "*"}}
	message := sprintf("%s: anybody may take it", [resource.address])
}

deny contains message if {
	some resource in plan.resources
	resource.type in {"aws_iam_user", "aws_iam_access_key"}
	message := sprintf("%s: keys that last; use roles", [resource.address])
}
