# METADATA
# title: Confidence floor
# description: >-
#   Below limits.confidence_floor a person decides. Confidence is capped by how much of the diagnosis cites evidence,
#   so that share must reach the same floor.
# custom:
#   codes:
#     confidence.below_floor: The confidence is below the floor, so a person decides.
#     confidence.unknown: The confidence could not be read, so nothing is allowed.
#     evidence.below_floor: Too little of the diagnosis cites evidence, so a person decides.
#     evidence.unknown: How much of the diagnosis cites evidence could not be read, so nothing is allowed.
package sre.rules.confidence

import rego.v1

import data.sre.types

deny contains "confidence.unknown" if not confidence_known

ask contains "confidence.below_floor" if {
	confidence_known
	not confident
}

deny contains "evidence.unknown" if not coverage_known

ask contains "evidence.below_floor" if {
	coverage_known
	not evidenced
}

confidence_known if types.share(input.facts.confidence)

confident if input.facts.confidence >= data.limits.confidence_floor

coverage_known if types.share(input.facts.evidence_coverage)

evidenced if input.facts.evidence_coverage >= data.limits.confidence_floor
