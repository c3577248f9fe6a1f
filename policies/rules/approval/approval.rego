# METADATA
# title: Approval
# description: >-
#   An approval answers what is asked only if it is fresh, for exactly this action, and by somebody whom the
#   configuration entitles. It never answers a denial. With nobody configured, nothing is approvable.
# custom:
#   codes:
#     approval.malformed: The approval is missing or not in its form, so nothing is allowed.
#     approval.expired: The approval is too old; it is asked again.
#     approval.changed: The action, the policy or the target changed since it was approved; it is asked again.
#     approval.not_entitled: Who approved is not entitled to; the configuration's `approvers` says who is.
#     approval.four_eyes: Who asked for this action cannot approve it as well.
package sre.rules.approval

import rego.v1

import data.sre.types

default approved := false

approved if {
	readable
	fresh
	unchanged
	entitled
	four_eyes_kept
}

deny contains "approval.malformed" if {
	not none_given
	not readable
}

ask contains "approval.expired" if {
	readable
	not fresh
}

ask contains "approval.changed" if {
	readable
	not unchanged
}

ask contains "approval.not_entitled" if {
	readable
	not entitled
}

ask contains "approval.four_eyes" if {
	readable
	not four_eyes_kept
}

approval := input.facts.approval

none_given if is_null(approval)

readable if {
	is_object(approval)
	object.remove(approval, ["by", "groups", "on_call", "requested_by", "age_s", "digest_matches"]) == {}
	types.text(approval.by)
	types.texts(approval.groups)
	is_boolean(approval.on_call)
	types.text(approval.requested_by)
	types.age(approval.age_s)
	is_boolean(approval.digest_matches)
}

fresh if approval.age_s <= data.limits.approval_age_s

unchanged if approval.digest_matches == true

entitled if approval.by in data.approvers.users

entitled if {
	some group in approval.groups
	group in data.approvers.groups
}

entitled if {
	data.approvers.on_call == true
	approval.on_call == true
}

four_eyes_kept if not input.action.kind in data.approvers.four_eyes

four_eyes_kept if lower(trim_space(approval.by)) != lower(trim_space(approval.requested_by))
