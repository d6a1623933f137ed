"""litellm against a running server with a language model: `litellm_text.py ADDRESS KEY`."""

import json
import os
import sys

# It asks the network what models cost, and nobody answers in a test.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm

from pictures import run

ADDRESS, KEY = sys.argv[1:3]
WAY = {"model": "openai/smoke", "api_base": f"{ADDRESS}/v1", "api_key": KEY, "num_retries": 0, "timeout": 120}
HELLO = [{"role": "user", "content": "hello"}]
litellm.telemetry = False


def a_chat_is_answered():
    answer = litellm.completion(**WAY, messages=HELLO, max_tokens=16)
    assert answer.choices[0].message.content and answer.usage.total_tokens > 0, answer


def a_stream_is_put_together():
    chunks = list(litellm.completion(**WAY, messages=HELLO, max_tokens=16, stream=True, stream_options={"include_usage": True}))
    whole = litellm.stream_chunk_builder(chunks, messages=HELLO)
    assert whole.choices[0].message.content and whole.choices[0].finish_reason in ("stop", "length"), whole


def a_tool_is_called():
    parameters = {"type": "object", "properties": {"what": {"enum": ["lake", "fox"]}}, "required": ["what"]}
    tool = {"type": "function", "function": {"name": "look_up", "parameters": parameters}}
    answer = litellm.completion(**WAY, messages=HELLO, tools=[tool], max_tokens=200)
    call = answer.choices[0].message.tool_calls[0]
    assert call.function.name == "look_up" and "what" in json.loads(call.function.arguments)


def vectors_come():
    answer = litellm.embedding(**WAY, input=["a quiet lake"])
    assert len(answer.data[0]["embedding"]) > 1


def what_is_wrong_has_the_errors_of_litellm():
    try:
        litellm.completion(**(WAY | {"model": "openai/none"}), messages=HELLO)
    except litellm.NotFoundError:
        pass
    else:
        raise AssertionError("a model that is not there answered")
    try:
        litellm.completion(**WAY, messages=HELLO, temperature=3)
    except litellm.BadRequestError as error:
        assert "temperature" in str(error), error
    else:
        raise AssertionError("a temperature of three was taken")


run([a_chat_is_answered, a_stream_is_put_together, a_tool_is_called, vectors_come, what_is_wrong_has_the_errors_of_litellm])
