"""A pretend Slack on loopback: the real protocols and limits, no workspace needed.

with run_in_thread() as slack:
    client = WebClient(token=slack.server.bot_token, base_url=slack.server.url)
    client.chat_postMessage(channel="#sre", text="Hello")
    print(slack.transcript("#sre"))
"""

from sandbox.slack.app import App
from sandbox.slack.clock import Clock
from sandbox.slack.delivery import Outcome
from sandbox.slack.errors import ApiError
from sandbox.slack.model import Breach, Change, Message
from sandbox.slack.server import SlackServer
from sandbox.slack.threaded import SlackThread, run_in_thread

__all__ = [
    "ApiError",
    "App",
    "Breach",
    "Change",
    "Clock",
    "Message",
    "Outcome",
    "SlackServer",
    "SlackThread",
    "run_in_thread",
]
