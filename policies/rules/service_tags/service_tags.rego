# METADATA
# title: Service tags
# description: The list of what is always a person's reads the tags, so they must be readable.
# custom:
#   codes:
#     service_tags.unknown: The tags of the services could not be read, so nothing is allowed.
package sre.rules.service_tags

import rego.v1

import data.sre.types

deny contains "service_tags.unknown" if not known

known if types.texts(input.facts.service_tags)
