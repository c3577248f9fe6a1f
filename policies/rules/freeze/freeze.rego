# METADATA
# title: Change freeze
# description: During a freeze a person approves.
# custom:
#   codes:
#     freeze.on: There is a change freeze, so a person approves.
#     freeze.unknown: Whether there is a change freeze could not be read, so nothing is allowed.
package sre.rules.freeze

import rego.v1

deny contains "freeze.unknown" if not known

ask contains "freeze.on" if {
	known
	not open
}

known if is_boolean(input.facts.in_freeze)

open if input.facts.in_freeze == false
