# METADATA
# title: Known facts
# description: A fact that no rule knows is a mistake or a trick, and never allows.
# custom:
#   codes:
#     facts.unexpected: There is a fact that no rule knows; remove it or correct its name.
package sre.rules.facts

import rego.v1

deny contains "facts.unexpected" if not only_known

only_known if object.remove(input.facts, known) == {}

known := [
	"mode", "alert_type", "alert_type_enabled", "confidence", "similarity", "blast_radius", "actions_taken",
	"deploy_age_minutes", "environment", "stateful", "downstream_stateful", "in_freeze", "paused", "namespace_allowed",
	"service_tags", "evidence_coverage", "approval",
]
