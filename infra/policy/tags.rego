# Whatever can carry tags says whose it is, where it belongs and what made it.
package ctc.tags

import data.ctc.plan
import rego.v1

wanted := {"Project", "Environment", "ManagedBy"}

deny contains message if {
	some resource in plan.resources
	"tags_all" in object.keys(resource.after)
	tags := object.get(resource.after, "tags_all", {})
	tags != null
	some tag in wanted
	object.get(tags, tag, "") == ""
	message := sprintf("%s: no tag %s", [resource.address, tag])
}

deny contains message if {
	some resource in plan.resources
	"tags_all" in object.keys(resource.after)
	resource.after.tags_all == null
	message := sprintf("%s: no tags", [resource.address])
}
