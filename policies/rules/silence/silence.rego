# METADATA
# title: Silences stay in their namespace
# description: A silence that does not name its own namespace hides alerts of others, so a person approves.
# custom:
#   codes:
#     silence.beyond_namespace: The silence also hides alerts of other namespaces, so a person approves.
package sre.rules.silence

import rego.v1

ask contains "silence.beyond_namespace" if {
	input.action.kind == "silence_alert"
	not scoped
}

scoped if {
	some matcher in input.action.params.matchers
	matcher.name == "namespace"
	matcher.value == input.action.namespace
	matcher.isEqual == true
	matcher.isRegex == false
}
