// openai-js against a running server with a language model: `openai_text.mjs ADDRESS KEY`.

import assert from "node:assert/strict";

import OpenAI from "openai";

import { run } from "./run.mjs";

const [address, key] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${address}/v1`, apiKey: key, maxRetries: 0, timeout: 120_000 });
const model = "smoke";
const messages = [{ role: "user", content: "hello" }];
const parameters = { type: "object", properties: { what: { enum: ["lake", "fox"] } }, required: ["what"] };

async function aChatIsAnswered() {
  const answer = await client.chat.completions.create({ model, messages, max_tokens: 16 });
  assert.ok(answer.choices[0].message.content);
  assert.ok(answer.usage.total_tokens > 0);
}

async function aStreamIsPutTogether() {
  const stream = client.chat.completions.stream({
    model, messages, max_tokens: 16, stream_options: { include_usage: true },
  });
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
  const whole = await stream.finalChatCompletion();
  assert.equal(whole.choices[0].message.content, text);
  assert.ok(text && whole.usage.completion_tokens > 0);
}

async function aToolIsRunUntilThereIsAnAnswer() {
  const seen = [];
  const look = { name: "look_up", parameters, parse: JSON.parse, function: (found) => (seen.push(found), "a lake") };
  const runner = client.chat.completions.runTools({
    model, messages, max_tokens: 200, tools: [{ type: "function", function: look }],
  });
  const text = await runner.finalContent();
  // How often is for the model to say.
  assert.ok(seen.length >= 1 && seen.every((found) => "what" in found) && text);
}

async function vectorsCome() {
  const answer = await client.embeddings.create({ model, input: ["a quiet lake", "a red fox"] });
  assert.equal(answer.data.length, 2);
  assert.ok(answer.data[0].embedding.every(Number.isFinite));
}

async function aResponseStreams() {
  const stream = client.responses.stream({ model, input: "hello", max_output_tokens: 16 });
  let text = "";
  for await (const event of stream) if (event.type === "response.output_text.delta") text += event.delta;
  const whole = await stream.finalResponse();
  assert.equal(whole.output_text, text);
  assert.ok(text);
}

async function whatIsWrongHasItsClass() {
  await assert.rejects(client.chat.completions.create({ model: "none", messages }), OpenAI.NotFoundError);
  await assert.rejects(
    client.chat.completions.create({ model, messages, temperature: 3 }),
    (error) => error instanceof OpenAI.BadRequestError && error.param === "temperature",
  );
}

await run([
  aChatIsAnswered, aStreamIsPutTogether, aToolIsRunUntilThereIsAnAnswer, vectorsCome, aResponseStreams, whatIsWrongHasItsClass,
]);
