// Makes calls with the official TypeScript SDK and says how each ended. Judges nothing: the tests do.
//
// Usage: node sdk.mjs NODE_MODULES PACKAGE. Reads one JSON document from standard input: base_url, api_key or
// auth_token, max_retries, and calls, each with an `op`, `params` and `headers`. Writes a JSON list with one outcome per
// call, in order.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, packageName] = process.argv.slice(2);
const { default: Anthropic } = createRequire(join(modules, "..", "package.json"))(packageName);

const operations = {
  async create(client, params, options) {
    return told(await client.messages.create(params, options));
  },

  async stream(client, params, options) {
    const events = client.messages.stream(params, options);
    return { ...told(await events.finalMessage()), request_id: events.request_id };
  },

  async raw_stream(client, params, options) {
    const events = [];
    for await (const event of await client.messages.create({ ...params, stream: true }, options)) {
      events.push(event.type);
    }
    return { events };
  },

  // Calls, answers every call of a tool, and calls again with everything that was said.
  async tool_turn(client, params, options) {
    const asked = await client.messages.stream(params, options).finalMessage();
    const calls = asked.content.filter((block) => block.type === "tool_use");
    const results = calls.map((call) => ({ type: "tool_result", tool_use_id: call.id, content: "18 °C" }));
    const turns = [{ role: "assistant", content: asked.content }, { role: "user", content: results }];
    const messages = [...params.messages, ...turns];
    const answered = await client.messages.stream({ ...params, messages }, options).finalMessage();
    return { ...told(answered), tool_inputs: calls.map((call) => call.input) };
  },

  async count_tokens(client, params, options) {
    return { input_tokens: (await client.messages.countTokens(params, options)).input_tokens };
  },

  async models(client, params, options) {
    const models = [];
    for await (const model of client.models.list(params, options)) models.push(model.id);
    return { models };
  },
};

function told(message) {
  const joined = (type) => message.content.filter((block) => block.type === type).map((block) => block[type]).join("");
  return {
    request_id: message._request_id ?? null,
    text: joined("text"),
    thinking: joined("thinking"),
    stop_reason: message.stop_reason,
    usage: message.usage,
  };
}

function refused(error) {
  return {
    error: error.constructor.name,
    status: error.status ?? null,
    request_id: error.requestID ?? null,
    message: String(error.message),
    body: error.error ?? null,
  };
}

async function outcome(client, call) {
  try {
    return await operations[call.op](client, call.params ?? {}, { headers: call.headers ?? {} });
  } catch (error) {
    return refused(error);
  }
}

const order = JSON.parse(readFileSync(0, "utf8"));
const client = new Anthropic({
  baseURL: order.base_url,
  apiKey: order.api_key ?? null,
  authToken: order.auth_token ?? null,
  maxRetries: order.max_retries,
});
const outcomes = [];
for (const call of order.calls) outcomes.push(await outcome(client, call));
process.stdout.write(JSON.stringify(outcomes));
