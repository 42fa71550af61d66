# What the policies share: the resources that a plan leaves in place (Terraform's JSON, format 1).
package ctc.plan

import rego.v1

resources contains found if {
	some change in input.resource_changes
	change.mode == "managed"
	change.change.actions != ["delete"]
	found := {"address": change.address, "type": change.type, "after": change.change.after, "unknown": object.get(change.change, "after_unknown", {})}
}

# An attribute that is set, or that will be once something else exists.
given(resource, name) if {
	value := object.get(resource.after, name, null)
	value != null
	value != ""
}

given(resource, name) if object.get(resource.unknown, name, false) == true
