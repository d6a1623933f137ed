"""openai-python against a running server with a language model: `openai_text.py ADDRESS KEY`."""

import base64
import json
import struct
import sys
import threading
import time

import openai
import requests

from pictures import picture, png, run

ADDRESS, KEY = sys.argv[1:3]
MODEL = "smoke"
client = openai.OpenAI(base_url=f"{ADDRESS}/v1", api_key=KEY, max_retries=0, timeout=120)
HELLO = [{"role": "user", "content": "hello"}]
LOOK = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Looks something up.",
        "parameters": {"type": "object", "properties": {"what": {"enum": ["lake", "fox"]}}, "required": ["what"]},
    },
}
ANSWER = {"type": "object", "properties": {"done": {"type": "boolean"}}, "required": ["done"], "additionalProperties": False}


def chat(**more):
    return client.chat.completions.create(**({"model": MODEL, "messages": HELLO, "max_tokens": 24, "seed": 7} | more))


def refused(kind, act):
    """Returns the error of this kind that an act must end with."""
    try:
        act()
    except kind as error:
        assert set(error.response.json()["error"]) == {"message", "type", "param", "code"}, error.response.text
        return error
    raise AssertionError(f"this was not refused with {kind.__name__}")


def the_model_is_listed_and_found():
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).id == MODEL


def a_chat_is_answered_and_the_same_seed_gives_the_same_words():
    first, second = chat(temperature=0.9), chat(temperature=0.9)
    message = first.choices[0].message
    assert message.role == "assistant" and message.content, first
    assert message.content == second.choices[0].message.content
    assert first.choices[0].finish_reason in ("stop", "length")
    assert first.usage.total_tokens == first.usage.prompt_tokens + first.usage.completion_tokens > 0
    assert abs(first.created - time.time()) < 600 and first.id != second.id
    assert first.model == MODEL and first.object == "chat.completion"


def a_short_answer_says_that_it_was_cut():
    answer = chat(max_completion_tokens=2, max_tokens=openai.NOT_GIVEN)
    assert answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens == 2, answer


def several_answers_come_at_once():
    answer = chat(n=3, temperature=1.5, seed=openai.NOT_GIVEN)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert all(choice.message.content for choice in answer.choices)


def a_stream_is_the_whole_answer_in_pieces_and_ends_with_usage():
    whole = chat(temperature=0).choices[0].message.content
    chunks = list(chat(temperature=0, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == whole
    reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert reasons[-1] in ("stop", "length") and not any(reasons[:-1]), reasons
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert len({chunk.id for chunk in chunks}) == 1


def a_tool_is_called_and_its_answer_is_used():
    # The tiny model would call it again and again.
    asked = chat(tools=[LOOK], max_tokens=200, temperature=0, parallel_tool_calls=False)
    choice = asked.choices[0]
    assert choice.finish_reason == "tool_calls", choice
    call = choice.message.tool_calls[0]
    assert call.function.name == "look_up" and call.id
    assert json.loads(call.function.arguments)["what"] in ("lake", "fox")
    messages = HELLO + [choice.message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": "a lake"}]
    after = chat(tools=[LOOK], messages=messages)
    assert after.choices[0].finish_reason in ("stop", "length") and after.choices[0].message.content, after


def a_tool_call_comes_in_pieces_too():
    name, arguments, reasons = "", "", []
    for chunk in chat(tools=[LOOK], max_tokens=200, temperature=0, parallel_tool_calls=False, stream=True):
        choice = chunk.choices[0]
        reasons.append(choice.finish_reason)
        for call in choice.delta.tool_calls or []:
            name += call.function.name or ""
            arguments += call.function.arguments or ""
    assert name == "look_up" and "what" in json.loads(arguments), (name, arguments)
    assert reasons[-1] == "tool_calls"


def an_answer_keeps_to_its_schema():
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": ANSWER, "strict": True}}
    answer = chat(response_format=wanted, max_tokens=200)
    assert set(json.loads(answer.choices[0].message.content)) == {"done"}, answer


def likely_words_are_told():
    answer = chat(logprobs=True, top_logprobs=2, max_tokens=4)
    tokens = answer.choices[0].logprobs.content
    assert tokens and all(token.logprob <= 0 and len(token.top_logprobs) == 2 for token in tokens), tokens


def a_text_is_continued_whole_and_as_a_stream():
    ask = dict(model=MODEL, prompt="A quiet", max_tokens=8, temperature=0)
    whole = client.completions.create(**ask)
    assert whole.choices[0].text and whole.object == "text_completion"
    pieces = [chunk.choices[0].text for chunk in client.completions.create(**ask, stream=True)]
    assert "".join(pieces) == whole.choices[0].text, pieces
    several = client.completions.create(**(ask | {"prompt": ["A quiet", "The red"]}))
    assert [choice.index for choice in several.choices] == [0, 1]


def vectors_are_the_same_as_numbers_and_as_bytes():
    texts = ["a quiet lake", "a red fox"]
    # Without a wish, this client asks for base64 and unpacks it.
    packed = client.embeddings.create(model=MODEL, input=texts)
    plain = client.embeddings.create(model=MODEL, input=texts, encoding_format="float")
    assert len(packed.data) == 2 and packed.usage.prompt_tokens > 0
    assert [one.embedding for one in packed.data] == [narrowed(one.embedding) for one in plain.data]
    raw = client.embeddings.with_raw_response.create(model=MODEL, input="x", encoding_format="base64")
    assert len(base64.b64decode(json.loads(raw.text)["data"][0]["embedding"])) % 4 == 0


def narrowed(numbers):
    """Returns the numbers as 32 bits hold them."""
    return list(struct.unpack(f"<{len(numbers)}f", struct.pack(f"<{len(numbers)}f", *numbers)))


def a_picture_is_looked_at():
    url = "data:image/png;base64," + base64.b64encode(png(picture())).decode()
    content = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": url}}]
    answer = chat(messages=[{"role": "user", "content": content}])
    assert answer.choices[0].message.content, answer
    stored = requests.post(f"{ADDRESS}/api/assets", headers={"Authorization": f"Bearer {KEY}"}, files={"file": png(picture())})
    content[1]["image_url"]["url"] = "asset:" + stored.json()["file"]["id"]
    assert chat(messages=[{"role": "user", "content": content}]).choices[0].message.content
    content[1]["image_url"]["url"] = "https://example.com/picture.png"
    error = refused(openai.BadRequestError, lambda: chat(messages=[{"role": "user", "content": content}]))
    assert error.param == "messages[0].content[1].image_url.url", error.param
    content[1]["image_url"]["url"] = "data:image/png;base64,AAAA"
    assert refused(openai.BadRequestError, lambda: chat(messages=[{"role": "user", "content": content}]))


def a_response_has_items_and_a_stream_of_them_ends_with_the_whole():
    ask = dict(model=MODEL, input="hello", instructions="be kind", max_output_tokens=24, temperature=0)
    whole = client.responses.create(**ask)
    assert whole.status in ("completed", "incomplete") and whole.output_text, whole
    assert whole.usage.total_tokens == whole.usage.input_tokens + whole.usage.output_tokens
    events = list(client.responses.create(**ask, stream=True))
    assert [events[0].type, events[1].type] == ["response.created", "response.in_progress"]
    assert events[-1].type in ("response.completed", "response.incomplete")
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == whole.output_text == events[-1].response.output_text, (text, whole.output_text)
    assert [event.sequence_number for event in events] == list(range(len(events)))


def a_response_calls_a_tool_and_takes_its_answer():
    tool = {"type": "function", **LOOK["function"], "strict": False}
    asked = client.responses.create(model=MODEL, input="hello", tools=[tool], parallel_tool_calls=False, temperature=0)
    call = next(item for item in asked.output if item.type == "function_call")
    assert call.name == "look_up" and "what" in json.loads(call.arguments)
    items = [
        {"role": "user", "content": "hello"},
        {"type": "item_reference", "id": call.id},
        {"type": "function_call_output", "call_id": call.call_id, "output": "a lake"},
    ]
    after = client.responses.create(model=MODEL, input=items, tools=[tool], max_output_tokens=24)
    assert after.output_text, after
    parsed = client.responses.create(
        model=MODEL, input="hello", text={"format": {"type": "json_schema", "name": "answer", "schema": ANSWER, "strict": True}}
    )
    assert set(json.loads(parsed.output_text)) == {"done"}
    error = refused(openai.BadRequestError, lambda: client.responses.create(model=MODEL, input="x", previous_response_id="resp_1"))
    assert error.param == "previous_response_id"


def what_is_wrong_is_said_in_the_errors_of_the_client():
    assert refused(openai.BadRequestError, lambda: chat(temperature=3)).param == "temperature"
    assert refused(openai.BadRequestError, lambda: chat(messages=[])).param == "messages"
    assert refused(openai.BadRequestError, lambda: chat(n=9)).param == "n"
    assert refused(openai.BadRequestError, lambda: chat(messages=[{"role": "king", "content": "x"}])).param == "messages[0].role"
    assert refused(openai.NotFoundError, lambda: chat(model="smok")).code == "model_not_found"
    assert refused(openai.BadRequestError, lambda: client.embeddings.create(model=MODEL, input=[])).param == "input"
    long = [{"role": "user", "content": "lake " * 60000}]
    error = refused(openai.BadRequestError, lambda: chat(messages=long))
    assert "token" in error.message, error.message
    assert error.response.headers["x-should-retry"] == "false"
    # A stream that cannot begin is an ordinary error.
    assert refused(openai.BadRequestError, lambda: chat(messages=long, stream=True))
    stranger = client.with_options(api_key="sk-wrong")
    assert refused(openai.AuthenticationError, lambda: stranger.models.list()).code == "invalid_api_key"


def whoever_goes_away_ends_the_answer():
    # Without the tokens that end a sentence, it goes on until the context is full.
    stream = chat(max_tokens=4000, stream=True, logit_bias={"2": -100, "4": -100})
    next(iter(stream))
    stream.response.close()
    until = time.time() + 20
    while open_answers() > 0:
        assert time.time() < until, "the answer goes on although nobody reads it"
        time.sleep(0.05)


def open_answers():
    text = requests.get(f"{ADDRESS}/metrics", headers={"Authorization": f"Bearer {KEY}"}).text
    values = [line.split()[-1] for line in text.splitlines() if line.startswith("atelier_text_open")]
    assert values, "there is no such metric"
    return sum(float(value) for value in values)


def many_ask_at_once_and_each_gets_an_answer():
    answers = []
    ask = lambda number: answers.append(chat(seed=number, stream=False).choices[0].message.content)
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(answers) == 12 and all(answers), answers


run(
    [
        the_model_is_listed_and_found,
        a_chat_is_answered_and_the_same_seed_gives_the_same_words,
        a_short_answer_says_that_it_was_cut,
        several_answers_come_at_once,
        a_stream_is_the_whole_answer_in_pieces_and_ends_with_usage,
        a_tool_is_called_and_its_answer_is_used,
        a_tool_call_comes_in_pieces_too,
        an_answer_keeps_to_its_schema,
        likely_words_are_told,
        a_text_is_continued_whole_and_as_a_stream,
        vectors_are_the_same_as_numbers_and_as_bytes,
        a_picture_is_looked_at,
        a_response_has_items_and_a_stream_of_them_ends_with_the_whole,
        a_response_calls_a_tool_and_takes_its_answer,
        what_is_wrong_is_said_in_the_errors_of_the_client,
        whoever_goes_away_ends_the_answer,
        many_ask_at_once_and_each_gets_an_answer,
    ]
)
