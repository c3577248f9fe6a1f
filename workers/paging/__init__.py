"""PagerDuty and Slack in step: what happens there comes here once, and what people want there is done once."""
