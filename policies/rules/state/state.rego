# METADATA
# title: State that could be lost
# description: What keeps state, or serves something that does, is touched only by approval.
# custom:
#   codes:
#     state.stateful: It touches something that keeps state, so a person approves.
#     state.downstream_stateful: Something that depends on it keeps state, so a person approves.
#     state.unknown: Whether it keeps state could not be read, so nothing is allowed.
#     state.downstream_unknown: Whether what depends on it keeps state could not be read, so nothing is allowed.
package sre.rules.state

import rego.v1

deny contains "state.unknown" if not known

deny contains "state.downstream_unknown" if not downstream_known

ask contains "state.stateful" if {
	known
	not stateless
}

ask contains "state.downstream_stateful" if {
	downstream_known
	not downstream_stateless
}

known if is_boolean(input.facts.stateful)

downstream_known if is_boolean(input.facts.downstream_stateful)

stateless if input.facts.stateful == false

downstream_stateless if input.facts.downstream_stateful == false
