// The AI SDK against a running server with a language model: `ai_sdk.mjs ADDRESS KEY`. Its usual way is that of responses.

import assert from "node:assert/strict";

import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

import { run } from "./run.mjs";

const [address, key] = process.argv.slice(2);
const settings = { baseURL: `${address}/v1`, apiKey: key };
const openai = createOpenAI(settings);
const compatible = createOpenAICompatible({ name: "atelier", includeUsage: true, ...settings });
const once = { maxRetries: 0, prompt: "hello", maxOutputTokens: 200, temperature: 0 };
// The tiny model would call the tool again and again.
const oneCall = { providerOptions: { openai: { parallelToolCalls: false }, atelier: { parallel_tool_calls: false } } };

function look(seen) {
  return tool({
    description: "Looks something up.",
    inputSchema: z.object({ what: z.enum(["lake", "fox"]) }),
    execute: async (found) => (seen.push(found), "a lake"),
  });
}

async function aResponseIsAnswered() {
  const answer = await generateText({ ...once, model: openai("smoke") });
  assert.ok(answer.text && answer.usage.outputTokens > 0, JSON.stringify(answer.usage));
}

async function aResponseStreams() {
  const answer = streamText({ ...once, model: openai("smoke") });
  let text = "";
  for await (const piece of answer.textStream) text += piece;
  assert.ok(text);
  assert.equal(text, await answer.text);
}

async function aResponseRunsAToolInSeveralSteps() {
  const seen = [];
  const answer = await generateText({ ...once, ...oneCall, model: openai("smoke"), tools: { look_up: look(seen) }, stopWhen: stepCountIs(3) });
  assert.equal(seen.length, 1);
  assert.ok(answer.text && answer.steps.length === 2, JSON.stringify(answer.steps.map((step) => step.finishReason)));
}

async function aStreamOfResponsesRunsATool() {
  const seen = [];
  const answer = streamText({ ...once, ...oneCall, model: openai("smoke"), tools: { look_up: look(seen) }, stopWhen: stepCountIs(3) });
  await answer.consumeStream();
  assert.equal(seen.length, 1);
  assert.ok(await answer.text);
}

async function anObjectKeepsToItsSchema() {
  const schema = jsonSchema({
    type: "object", properties: { done: { type: "boolean" } }, required: ["done"], additionalProperties: false,
  });
  const answer = await generateText({ ...once, model: openai("smoke"), output: Output.object({ schema }) });
  assert.equal(typeof answer.output.done, "boolean");
}

async function aChatOfTheCompatibleKindStreamsAndRunsATool() {
  const seen = [];
  const answer = streamText({ ...once, ...oneCall, model: compatible("smoke"), tools: { look_up: look(seen) }, stopWhen: stepCountIs(3) });
  await answer.consumeStream();
  assert.equal(seen.length, 1);
  assert.ok((await answer.text) && (await answer.usage).outputTokens > 0);
}

async function vectorsCome() {
  const answer = await embedMany({ model: openai.embedding("smoke"), values: ["a quiet lake", "a red fox"], maxRetries: 0 });
  assert.equal(answer.embeddings.length, 2);
}

async function aModelThatIsNotThereIsNamed() {
  await assert.rejects(
    generateText({ ...once, model: openai("smok") }),
    (error) => error.statusCode === 404 && error.isRetryable === false && error.message.includes("smok"),
  );
}

await run([
  aResponseIsAnswered, aResponseStreams, aResponseRunsAToolInSeveralSteps, aStreamOfResponsesRunsATool, anObjectKeepsToItsSchema,
  aChatOfTheCompatibleKindStreamsAndRunsATool, vectorsCome, aModelThatIsNotThereIsNamed,
]);
