# METADATA
# title: Kill switch
# description: Nothing is done while the bot is paused, approved or not.
# custom:
#   codes:
#     paused.on: The bot is paused; `/sre resume` by an entitled person ends that.
#     paused.unknown: Whether the bot is paused could not be read, so nothing is allowed.
package sre.rules.paused

import rego.v1

deny contains "paused.unknown" if not known

deny contains "paused.on" if {
	known
	not running
}

known if is_boolean(input.facts.paused)

running if input.facts.paused == false
