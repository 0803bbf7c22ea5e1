"""Makes calls with OpenAI's official Python SDK and says how each ended. Judges nothing: the tests do.

Reads one JSON document from standard input: base_url or azure_endpoint (with api_version), api_key, max_retries, and calls,
each with an `op` and `params`. Writes a JSON list with one outcome per call, in order.
"""

import json
import sys

import openai


def chat(client, params):
    completion = client.chat.completions.create(**params)
    choice = completion.choices[0]
    calls = [call.function for call in choice.message.tool_calls or []]
    return {
        "text": choice.message.content,
        "finish_reason": choice.finish_reason,
        "tools": [{"name": call.name, "arguments": json.loads(call.arguments)} for call in calls],
        "usage": dumped(completion.usage),
    }


def chat_stream(client, params):
    text, reason, usage, tools = "", None, None, {}
    for chunk in client.chat.completions.create(**params, stream=True):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            reason = choice.finish_reason or reason
            for call in choice.delta.tool_calls or []:
                tool = tools.setdefault(call.index, {"name": "", "arguments": ""})
                tool["name"] += call.function.name or ""
                tool["arguments"] += call.function.arguments or ""
    tools = [{**tool, "arguments": json.loads(tool["arguments"])} for tool in tools.values()]
    return {"text": text, "finish_reason": reason, "tools": tools, "usage": dumped(usage)}


def responses(client, params):
    return told(client.responses.create(**params))


def responses_stream(client, params):
    with client.responses.stream(**params) as events:
        deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
        return {**told(events.get_final_response()), "streamed": "".join(deltas)}


def embeddings(client, params):
    answer = client.embeddings.create(**params)
    return {"vectors": [item.embedding for item in answer.data], "usage": dumped(answer.usage)}


def models(client, params):
    return {"models": [model.id for model in client.models.list(**params)]}


def told(response):
    return {"text": response.output_text, "status": response.status, "usage": dumped(response.usage)}


def dumped(usage):
    return usage and usage.model_dump(mode="json")


def outcome(client, call):
    try:
        return OPERATIONS[call["op"]](client, call.get("params", {}))
    except Exception as error:  # every way to fail is an outcome
        return {
            "error": type(error).__name__,
            "status": getattr(error, "status_code", None),
            "message": str(error),
            "body": getattr(error, "body", None),
        }


OPERATIONS = {it.__name__: it for it in (chat, chat_stream, responses, responses_stream, embeddings, models)}


def main():
    order = json.load(sys.stdin)
    calls = order.pop("calls")
    kind = openai.AzureOpenAI if "azure_endpoint" in order else openai.OpenAI
    client = kind(**order)
    json.dump([outcome(client, call) for call in calls], sys.stdout)


main()
