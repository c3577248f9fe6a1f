"""The web page on which a person uses the pretend Slack.

slack = SlackServer(port=8065)
page = Page(slack)
page.mount(slack.web)
await slack.start()
"""

from sandbox.page.page import Page

__all__ = ["Page"]
