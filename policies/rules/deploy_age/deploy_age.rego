# METADATA
# title: Rollback of a fresh deploy
# description: A rollback by itself only while the deploy is younger than limits.rollback_deploy_age_minutes.
# custom:
#   codes:
#     deploy_age.too_old_to_roll_back: The deploy is too old to be rolled back without a person.
#     deploy_age.unknown: The age of the deploy could not be read, so nothing is allowed.
package sre.rules.deploy_age

import rego.v1

import data.sre.types

deny contains "deploy_age.unknown" if not known

ask contains "deploy_age.too_old_to_roll_back" if {
	known
	input.action.kind in {"rollback_deployment", "rollback_release"}
	not fresh
}

known if types.age(input.facts.deploy_age_minutes)

fresh if input.facts.deploy_age_minutes < data.limits.rollback_deploy_age_minutes
