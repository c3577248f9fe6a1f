# METADATA
# title: Mode
# description: >-
#   Shadow proposes and never acts, whoever approves. Assist acts on approval. Autonomous acts alone, for the alert
#   types listed by name.
# custom:
#   codes:
#     mode.shadow: The bot is in shadow mode, where it proposes and never acts.
#     mode.assist: The bot is in assist mode, so a person approves every action.
#     mode.alert_type_not_listed: The bot may not act alone on this type of alert, so a person approves.
#     mode.unknown: The mode could not be read, so nothing is allowed.
#     alert_type.unknown: The type of alert, or whether it is listed, could not be read, so nothing is allowed.
package sre.rules.mode

import rego.v1

import data.sre.types

deny contains "mode.unknown" if not known

deny contains "mode.shadow" if input.facts.mode == "shadow"

deny contains "alert_type.unknown" if not alert_type_known

ask contains "mode.assist" if input.facts.mode == "assist"

ask contains "mode.alert_type_not_listed" if {
	input.facts.mode == "autonomous"
	not listed
}

known if {
	is_string(input.facts.mode)
	input.facts.mode in {"shadow", "assist", "autonomous"}
}

alert_type_known if {
	types.text(input.facts.alert_type)
	is_boolean(input.facts.alert_type_enabled)
}

listed if input.facts.alert_type_enabled == true
