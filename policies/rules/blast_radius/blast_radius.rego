# METADATA
# title: Blast radius
# description: More pods or services than the limits say, and a person approves.
# custom:
#   codes:
#     blast_radius.pods: It touches more pods than the limit, so a person approves.
#     blast_radius.services: It touches more services than the limit, so a person approves.
#     blast_radius.unknown: What it touches could not be computed, so nothing is allowed.
package sre.rules.blast_radius

import rego.v1

import data.sre.types

radius := input.facts.blast_radius

deny contains "blast_radius.unknown" if not known

ask contains "blast_radius.pods" if {
	known
	not few_pods
}

ask contains "blast_radius.services" if {
	known
	not few_services
}

known if {
	is_object(radius)
	object.remove(radius, ["pods", "services", "downstream"]) == {}
	types.whole(radius.pods)
	types.whole(radius.services)
	types.texts(object.get(radius, "downstream", []))
}

few_pods if radius.pods <= data.limits.blast_radius_pods

few_services if radius.services <= data.limits.blast_radius_services
