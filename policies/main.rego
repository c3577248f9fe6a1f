# METADATA
# title: Every rule, gathered
# description: >-
#   Denies unless every rule could speak. A rule denies or asks by a code; `policies/decide.py` reads `decision`,
#   adds what is code rather than data, and makes the verdict. The rules are named one by one because an iteration
#   over them takes twice as long; a rule that is not named here stops the start.
# custom:
#   codes:
#     policy.undefined: The policy gave no answer, so nothing is allowed; run `make policy-test`.
package sre

import rego.v1

default decision := {"deny": ["policy.undefined"], "ask": [], "approved": false, "policy_hash": ""}

decision := {
	"deny": deny,
	"ask": ask,
	"approved": approved,
	"policy_hash": data.policy_hash,
}

deny contains code if some code in data.sre.rules.actions_taken.deny

deny contains code if some code in data.sre.rules.approval.deny

deny contains code if some code in data.sre.rules.blast_radius.deny

deny contains code if some code in data.sre.rules.confidence.deny

deny contains code if some code in data.sre.rules.deploy_age.deny

deny contains code if some code in data.sre.rules.environment.deny

deny contains code if some code in data.sre.rules.facts.deny

deny contains code if some code in data.sre.rules.freeze.deny

deny contains code if some code in data.sre.rules.mode.deny

deny contains code if some code in data.sre.rules.namespace.deny

deny contains code if some code in data.sre.rules.paused.deny

deny contains code if some code in data.sre.rules.service_tags.deny

deny contains code if some code in data.sre.rules.similarity.deny

deny contains code if some code in data.sre.rules.state.deny

ask contains code if some code in data.sre.rules.actions_taken.ask

ask contains code if some code in data.sre.rules.approval.ask

ask contains code if some code in data.sre.rules.blast_radius.ask

ask contains code if some code in data.sre.rules.confidence.ask

ask contains code if some code in data.sre.rules.deploy_age.ask

ask contains code if some code in data.sre.rules.environment.ask

ask contains code if some code in data.sre.rules.freeze.ask

ask contains code if some code in data.sre.rules.mode.ask

ask contains code if some code in data.sre.rules.silence.ask

ask contains code if some code in data.sre.rules.similarity.ask

ask contains code if some code in data.sre.rules.state.ask

# Whether a valid approval answers what is asked. It never answers a denial.
default approved := false

approved if data.sre.rules.approval.approved
