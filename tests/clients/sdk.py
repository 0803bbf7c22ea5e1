"""Makes calls with the official Python SDK and says how each ended. Judges nothing: the tests do.

Reads one JSON document from standard input: base_url, api_key or auth_token, max_retries, and calls, each with an `op`,
`params` and `headers`. Writes a JSON list with one outcome per call, in order.
"""

import json
import sys

import anthropic


def create(client, params, headers):
    message = client.messages.create(**params, extra_headers=headers)
    return told(message, message._request_id)


def stream(client, params, headers):
    with client.messages.stream(**params, extra_headers=headers) as events:
        return told(events.get_final_message(), events.response.headers.get("request-id"))


def raw_stream(client, params, headers):
    events = client.messages.create(**params, stream=True, extra_headers=headers)
    return {"events": [event.type for event in events]}


def tool_turn(client, params, headers):
    """Calls, answers every call of a tool, and calls again with everything that was said."""
    messages = list(params["messages"])
    asked = create_streamed(client, {**params, "messages": messages}, headers)
    calls = [block for block in asked.content if block.type == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "18 °C"} for call in calls]
    messages += [{"role": "assistant", "content": asked.content}, {"role": "user", "content": results}]
    answered = create_streamed(client, {**params, "messages": messages}, headers)
    return {**told(answered, None), "tool_inputs": [call.input for call in calls]}


def create_streamed(client, params, headers):
    with client.messages.stream(**params, extra_headers=headers) as events:
        return events.get_final_message()


def count_tokens(client, params, headers):
    return {"input_tokens": client.messages.count_tokens(**params, extra_headers=headers).input_tokens}


def models(client, params, headers):
    return {"models": [model.id for model in client.models.list(**params, extra_headers=headers)]}


def told(message, request_id):
    text = "".join(block.text for block in message.content if block.type == "text")
    thinking = "".join(block.thinking for block in message.content if block.type == "thinking")
    return {
        "request_id": request_id,
        "text": text,
        "thinking": thinking,
        "stop_reason": message.stop_reason,
        "usage": message.usage.model_dump(mode="json"),
    }


def refused(error):
    return {
        "error": type(error).__name__,
        "status": getattr(error, "status_code", None),
        "request_id": getattr(error, "request_id", None),
        "message": str(error),
        "body": getattr(error, "body", None),
    }


def outcome(client, call):
    try:
        return OPERATIONS[call["op"]](client, call.get("params", {}), call.get("headers", {}))
    except Exception as error:  # every way to fail is an outcome
        return refused(error)


OPERATIONS = {it.__name__: it for it in (create, stream, raw_stream, tool_turn, count_tokens, models)}


def main():
    order = json.load(sys.stdin)
    names = ("base_url", "api_key", "auth_token", "max_retries")
    client = anthropic.Anthropic(**{name: order[name] for name in names if name in order})
    json.dump([outcome(client, call) for call in order["calls"]], sys.stdout)


main()
