# METADATA
# title: Listed namespaces
# description: The bot touches the namespaces that are listed for it, and no other, approved or not.
# custom:
#   codes:
#     namespace.not_listed: The namespace is not listed under autonomy.namespaces, so nothing is done there.
#     namespace.unknown: Whether the namespace is listed could not be read, so nothing is allowed.
package sre.rules.namespace

import rego.v1

deny contains "namespace.unknown" if not known

deny contains "namespace.not_listed" if {
	known
	not listed
}

known if is_boolean(input.facts.namespace_allowed)

listed if input.facts.namespace_allowed == true
