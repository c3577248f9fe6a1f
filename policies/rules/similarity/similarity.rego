# METADATA
# title: Similarity floor
# description: Below limits.similarity_floor no runbook is for this, so a person decides, however sure the reasoner is.
# custom:
#   codes:
#     similarity.below_floor: No runbook is similar enough to this case, so a person decides.
#     similarity.unknown: The similarity to the runbooks could not be read, so nothing is allowed.
package sre.rules.similarity

import rego.v1

import data.sre.types

deny contains "similarity.unknown" if not known

ask contains "similarity.below_floor" if {
	known
	not similar
}

known if types.share(input.facts.similarity)

similar if input.facts.similarity >= data.limits.similarity_floor
