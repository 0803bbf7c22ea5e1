"""Who asks, while schemathesis tries the control plane: an owner for `/admin`, a user for `/user`, nobody where one signs in.

The owner's name and password come from the environment (`RELAY_ADMIN`, `RELAY_ADMIN_PASSWORD`); all others are added by this file.
The relay has to trust one proxy (`TRUST_PROXY=1`).
"""

import ipaddress
import json
import os
import random
import threading
import urllib.request
import uuid

import schemathesis

# Who asks, by plane. The guesses at passwords that are made up are charged to them, so that others end sessions.
ASKING = {
    "admin": (os.environ["RELAY_ADMIN"], os.environ["RELAY_ADMIN_PASSWORD"]),
    "user": ("contract@example.com", "a password of the contract's user"),
}
LEAVING = {
    "admin": ("leaving", "a password of who leaves"),
    "user": ("leaving@example.com", "a password of who leaves"),
}

# No record has this id.
NOBODY = "0198c0de-0000-7000-8000-000000000001"

# Operations that end the session they come by, or all of one person.
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


def sign_in(base, plane, person):
    name = "username" if plane == "admin" else "email"
    return call(base, "POST", f"/{plane}/session", {name: person[0], "password": person[1]})["token"]


def session(base, plane):
    """The session that `plane` is asked by. Whoever asks, and their sessions, are kept from every change."""
    with lock:
        if not tokens:
            admin = sign_in(base, "admin", ASKING["admin"])
            added = [call(base, "GET", "/admin/me", None, admin)]
            for email, password in (ASKING["user"], LEAVING["user"]):
                user = {"email": email, "name": "Contract", "password": password, "keys_max": 1000}
                added.append(call(base, "POST", "/admin/users", user, admin))
            username, password = LEAVING["admin"]
            leaving = {"username": username, "role": "owner", "password": password}
            added.append(call(base, "POST", "/admin/admins", leaving, admin))
            tokens.update(admin=admin, user=sign_in(base, "user", ASKING["user"]))
            for asked, token in tokens.items():
                added.extend(call(base, "GET", f"/{asked}/sessions", None, token)["items"])
            kept.update(one["id"] for one in added)
        return tokens[plane]


def base_of(case):
    return case.operation.base_url.rstrip("/")


@schemathesis.auth(refresh_interval=None)
class People:
    def get(self, case, context):
        base, plane = base_of(case), case.operation.path.split("/")[1]
        token = session(base, plane)
        ends = (case.method.upper(), case.operation.path) in ENDING
        return sign_in(base, plane, LEAVING[plane]) if ends else token

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context, case, kwargs):
    """Who asks stays as they are with their sessions; wrong passwords come from elsewhere, so that nobody has to wait; a good
    idempotency key is used once; a cursor is what a list has given, nobody makes one up; and a version keeps its quotes, which are
    taken off good examples."""
    given = case.path_parameters or {}
    if case.method.upper() != "GET" and given.get("id") in kept:
        given["id"] = NOBODY
    if case.operation.path.endswith("/session") and case.method.upper() == "POST":
        elsewhere = str(ipaddress.IPv4Address(random.getrandbits(32)))
        case.headers["X-Forwarded-For"] = elsewhere
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
