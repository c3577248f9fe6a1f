"""PagerDuty's refusals, with its own codes (developer.pagerduty.com, "Errors").

That page does not say which status goes with 1018 and 2010, nor the code of a missing `From`: the statuses are
guessed, the code is what clients have reported.
"""

from __future__ import annotations

from sandbox.pagerduty.model import Json


class ApiError(Exception):
    """What the REST API answers instead of a result."""

    def __init__(self, status: int, code: int, message: str, *errors: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.errors = status, code, message, errors

    def as_json(self) -> Json:
        body: Json = {"message": self.message, "code": self.code}
        return {"error": {**body, "errors": list(self.errors)} if self.errors else body}


class InvalidEvent(Exception):
    """What the Events API answers with 400; `errors` says why, one sentence each."""

    def __init__(self, *errors: str) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


def invalid(*errors: str) -> ApiError:
    return ApiError(400, 2001, "Invalid Input Provided", *errors)


def bad_argument(*errors: str) -> ApiError:
    return ApiError(400, 2002, "Arguments Caused Error", *errors)


def not_found(message: str = "Not Found", code: int = 2100) -> ApiError:
    return ApiError(404, code, message)


def already_resolved() -> ApiError:
    return ApiError(400, 1001, "Incident Already Resolved")


def not_authorized() -> ApiError:
    return ApiError(403, 1018, "Requester not authorized to perform action")


def cannot_escalate() -> ApiError:
    return ApiError(400, 1006, "Cannot Escalate")


def too_many() -> ApiError:
    return ApiError(429, 2020, "Rate Limit Exceeded")
