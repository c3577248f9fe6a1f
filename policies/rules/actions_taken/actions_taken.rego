# METADATA
# title: Actions an incident
# description: After limits.actions_per_incident actions by itself on one incident, a person decides.
# custom:
#   codes:
#     actions_taken.at_limit: The bot has used up its own actions on this incident, so a person decides.
#     actions_taken.unknown: How many actions were taken could not be read, so nothing is allowed.
package sre.rules.actions_taken

import rego.v1

import data.sre.types

deny contains "actions_taken.unknown" if not known

ask contains "actions_taken.at_limit" if {
	known
	not below_limit
}

known if types.whole(input.facts.actions_taken)

below_limit if input.facts.actions_taken < data.limits.actions_per_incident
