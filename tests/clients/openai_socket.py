"""OpenAI's Python SDK over a WebSocket: makes the responses that standard input orders, one after the other on one connection.

Each goes on from the one before it where it says so. What came of them is written to standard output.
"""

import json
import sys

import openai


def outcome_of(connection):
    text = ""
    for event in connection:
        if event.type == "response.output_text.delta":
            text += event.delta
        elif event.type == "error":
            return {"type": event.type, "error": event.to_dict()}
        elif event.type == "response.completed":
            return {"type": event.type, "text": text, "id": event.response.id, "usage": event.response.usage.to_dict()}
    return {"type": "closed"}


def main():
    order = json.load(sys.stdin)
    client = openai.OpenAI(base_url=order["base_url"], api_key=order["api_key"], max_retries=0)
    outcomes, last_id = [], None
    with client.responses.connect() as connection:
        for turn in order["turns"]:
            params = dict(turn["params"])
            if turn["goes_on"]:
                params["previous_response_id"] = last_id
            connection.response.create(**params)
            outcomes.append(outcome_of(connection))
            last_id = outcomes[-1].get("id", last_id)
    json.dump(outcomes, sys.stdout)


main()
