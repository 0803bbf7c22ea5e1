"""Who asks, while schemathesis tries the control plane: an owner for `/admin`, a user for `/user`, nobody where one signs in.

The names and passwords come from the environment (`RELAY_ADMIN`, `RELAY_ADMIN_PASSWORD`); the user is added by this file.
"""

import json
import os
import threading
import urllib.request
import uuid

import schemathesis

ADMIN = os.environ["RELAY_ADMIN"], os.environ["RELAY_ADMIN_PASSWORD"]
USER = "contract@example.com", "a password of the contract's user"

# No record has this id.
NOBODY = "0198c0de-0000-7000-8000-000000000001"

# Operations that end the session they come by, or all: each is asked by a session of its own.
ENDING = {
    ("DELETE", "/admin/session"),
    ("DELETE", "/admin/sessions"),
    ("DELETE", "/user/session"),
    ("DELETE", "/user/sessions"),
}

lock = threading.Lock()
tokens = {}
kept = set()


def call(base, method, path, document, token=None):
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    body = json.dumps(document).encode() if document is not None else None
    request = urllib.request.Request(base + path, data=body, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def sign_in(base, plane):
    if plane == "admin":
        return call(base, "POST", "/admin/session", {"username": ADMIN[0], "password": ADMIN[1]})["token"]
    return call(base, "POST", "/user/session", {"email": USER[0], "password": USER[1]})["token"]


def session(base, plane):
    """The session that `plane` is asked by; it and its person are kept from every change."""
    with lock:
        if not kept:
            admin = sign_in(base, "admin")
            added = {"email": USER[0], "name": "Contract", "password": USER[1], "keys_max": 1000}
            kept.add(call(base, "GET", "/admin/me", None, admin)["id"])
            kept.add(call(base, "POST", "/admin/users", added, admin)["id"])
        if plane not in tokens:
            tokens[plane] = sign_in(base, plane)
            sessions = call(base, "GET", f"/{plane}/sessions", None, tokens[plane])["items"]
            kept.update(session["id"] for session in sessions)
        return tokens[plane]


def base_of(case):
    return case.operation.base_url.rstrip("/")


@schemathesis.auth(refresh_interval=None)
class People:
    def get(self, case, context):
        base, plane = base_of(case), case.operation.path.split("/")[1]
        token = session(base, plane)
        if (case.method.upper(), case.operation.path) not in ENDING:
            return token
        # It may end all others.
        tokens.pop(plane, None)
        return sign_in(base, plane)

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context, case, kwargs):
    """The two who ask stay as they are with their sessions; a good idempotency key is used once; a cursor is what a list has given,
    nobody makes one up; and a version keeps its quotes, which are taken off good examples."""
    given = case.path_parameters or {}
    if case.method.upper() != "GET" and given.get("id") in kept:
        given["id"] = NOBODY
    key = (case.headers or {}).get("Idempotency-Key", "")
    if 1 <= len(key) <= 255 and all("!" <= letter <= "~" for letter in key):
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if case.meta is None or case.meta.generation.mode.is_negative:
        return
    if case.query:
        case.query.pop("cursor", None)
    version = (case.headers or {}).get("If-Match", "")
    if version.isdigit():
        case.headers["If-Match"] = f'"{version}"'
