# METADATA
# title: Environment
# description: In production a person approves, unless the bot may act alone there on this type of alert.
# custom:
#   codes:
#     environment.production: This is production, so a person approves.
#     environment.unknown: The environment could not be read, so nothing is allowed.
package sre.rules.environment

import rego.v1

import data.sre.types

deny contains "environment.unknown" if not known

ask contains "environment.production" if {
	known
	some production in data.limits.production_environments
	lower(production) == lower(trim_space(input.facts.environment))
	not alone_in_production
}

known if types.text(input.facts.environment)

alone_in_production if {
	data.limits.autonomous_in_production == true
	input.facts.mode == "autonomous"
	input.facts.alert_type_enabled == true
}
