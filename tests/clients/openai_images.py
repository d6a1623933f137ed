"""openai-python against a running server: `openai_images.py ADDRESS KEY`."""

import sys
import time

import openai
import requests

from pictures import opened, picture, png, run

ADDRESS, KEY = sys.argv[1:3]
client = openai.OpenAI(base_url=f"{ADDRESS}/v1", api_key=KEY, max_retries=0, timeout=120)
SMALL = {"prompt": "a lighthouse", "size": "64x64"}
QUICK = {"steps": 3, "cfg_scale": 1, "seed": 7}


def generate(**more):
    extra = QUICK | more.pop("extra_body", {})
    return client.images.generate(**(SMALL | more), extra_body=extra)


def refused(kind, act):
    """Returns the error of this kind that an act must end with."""
    try:
        act()
    except kind as error:
        assert set(error.response.json()["error"]) == {"message", "type", "param", "code"}, error.response.text
        return error
    raise AssertionError(f"this was not refused with {kind.__name__}")


def models_are_listed_and_found():
    listed = [model.id for model in client.models.list()]
    assert "smoke" in listed, listed
    assert client.models.retrieve("smoke").id == "smoke"
    assert refused(openai.NotFoundError, lambda: client.models.retrieve("a/b/none")).code == "model_not_found"


def a_picture_comes_in_its_size_and_the_same_seed_gives_the_same_bytes():
    first, second = generate(), generate()
    assert opened(first.data[0].b64_json).size == (64, 64)
    assert first.data[0].b64_json == second.data[0].b64_json
    assert generate(extra_body={"seed": 8}).data[0].b64_json != first.data[0].b64_json
    assert abs(first.created - time.time()) < 600, first.created


def several_pictures_come_at_once_in_the_wanted_format():
    answer = generate(n=2, output_format="jpeg", output_compression=80)
    assert len(answer.data) == 2 and answer.data[0].b64_json != answer.data[1].b64_json
    assert [opened(one.b64_json).format for one in answer.data] == ["JPEG", "JPEG"]
    assert answer.output_format == "jpeg"


def a_link_opens_without_a_key_and_not_when_it_is_forged():
    url = generate(response_format="url").data[0].url
    assert opened(requests.get(url).content).size == (64, 64)
    forged = url[:-1] + ("0" if url[-1] != "0" else "1")
    assert requests.get(forged).status_code == 403


def a_stream_shows_the_picture_as_it_appears():
    with client.images.generate(
        prompt="a large lighthouse", size="128x128", stream=True, partial_images=2, extra_body={**QUICK, "steps": 24}
    ) as stream:
        events = list(stream)
    assert events[-1].type == "image_generation.completed", [event.type for event in events]
    assert opened(events[-1].b64_json).size == (128, 128)
    assert events[-1].usage.total_tokens == 0
    partial = events[:-1]
    assert 1 <= len(partial) <= 2, f"{len(partial)} partial pictures"
    assert [event.type for event in partial] == ["image_generation.partial_image"] * len(partial)
    assert [event.partial_image_index for event in partial] == list(range(len(partial)))
    assert all(opened(event.b64_json).size[0] > 0 for event in partial)


def what_is_wrong_is_said_in_the_errors_of_the_client():
    assert refused(openai.BadRequestError, lambda: generate(size="65x64")).param == "size"
    assert refused(openai.BadRequestError, lambda: generate(n=11)).param == "n"
    assert refused(openai.BadRequestError, lambda: generate(prompt=" ")).param == "prompt"
    assert refused(openai.BadRequestError, lambda: generate(background="transparent")).param == "background"
    assert refused(openai.NotFoundError, lambda: generate(model="gpt-none")).code == "model_not_found"
    stranger = client.with_options(api_key="sk-wrong")
    assert refused(openai.AuthenticationError, lambda: stranger.models.list()).code == "invalid_api_key"


def a_picture_is_edited_as_a_whole():
    answer = client.images.edit(
        image=("in.png", png(picture()), "image/png"), prompt="a lighthouse", extra_body={**QUICK, "strength": 0.7}
    )
    assert opened(answer.data[0].b64_json).size == (64, 64)


def under_a_mask_only_what_is_transparent_changes():
    image, mask = picture(), picture().convert("RGBA")
    mask.paste((0, 0, 0, 0), (32, 0, 64, 64))
    answer = client.images.edit(
        image=("in.png", png(image), "image/png"),
        mask=("mask.png", png(mask), "image/png"),
        prompt="a lighthouse",
        extra_body=QUICK,
    )
    made = opened(answer.data[0].b64_json).convert("RGB")
    assert made.size == (64, 64)
    assert list(made.crop((0, 0, 32, 64)).tobytes()) == list(image.crop((0, 0, 32, 64)).tobytes())
    assert made.crop((32, 0, 64, 64)).tobytes() != image.crop((32, 0, 64, 64)).tobytes()
    whole = picture()
    error = refused(
        openai.BadRequestError,
        lambda: client.images.edit(
            image=("in.png", png(image), "image/png"),
            mask=("mask.png", png(whole), "image/png"),
            prompt="x",
            extra_body=QUICK,
        ),
    )
    assert error.param == "mask", error.param


def several_pictures_are_joined_by_an_instruction():
    images = [(f"{name}.png", png(picture(colour=colour)), "image/png") for name, colour in [("a", "red"), ("b", "blue")]]
    answer = client.images.edit(image=images, prompt="both", size="64x64", extra_body=QUICK)
    assert opened(answer.data[0].b64_json).size == (64, 64)


def what_is_no_picture_is_refused():
    error = refused(
        openai.BadRequestError,
        lambda: client.images.edit(image=("in.png", b"no picture", "image/png"), prompt="x", extra_body=QUICK),
    )
    assert error.param == "image", error.param


def a_picture_is_varied():
    answer = client.images.create_variation(
        image=("in.png", png(picture()), "image/png"), n=2, size="64x64", extra_body={**QUICK, "strength": 0.5}
    )
    assert len(answer.data) == 2 and opened(answer.data[0].b64_json).size == (64, 64)


def a_request_that_is_cut_off_ends_its_job():
    impatient = client.with_options(timeout=1.5)
    try:
        impatient.images.generate(prompt="too long", size="256x256", extra_body={**QUICK, "steps": 150})
        raise AssertionError("a hundred and fifty steps took less than two seconds")
    except openai.APITimeoutError:
        pass
    until = time.time() + 30
    while True:
        headers = {"Authorization": f"Bearer {KEY}"}
        jobs = requests.get(f"{ADDRESS}/api/jobs?text=too%20long", headers=headers).json()["data"]
        if [job["state"] for job in jobs] == ["cancelled"]:
            return
        assert time.time() < until, jobs
        time.sleep(0.1)


def a_repetition_joins_the_job_that_was_cut_off():
    stubborn = client.with_options(timeout=1.5, max_retries=2)
    try:
        stubborn.images.generate(prompt="asked thrice", size="256x256", extra_body={**QUICK, "steps": 150})
        raise AssertionError("a hundred and fifty steps took less than five seconds")
    except openai.APITimeoutError:
        pass
    headers = {"Authorization": f"Bearer {KEY}"}
    jobs = requests.get(f"{ADDRESS}/api/jobs?text=asked%20thrice", headers=headers).json()["data"]
    assert len(jobs) == 1, [job["state"] for job in jobs]


run(
    [
        models_are_listed_and_found,
        a_picture_comes_in_its_size_and_the_same_seed_gives_the_same_bytes,
        several_pictures_come_at_once_in_the_wanted_format,
        a_link_opens_without_a_key_and_not_when_it_is_forged,
        a_stream_shows_the_picture_as_it_appears,
        what_is_wrong_is_said_in_the_errors_of_the_client,
        a_picture_is_edited_as_a_whole,
        under_a_mask_only_what_is_transparent_changes,
        several_pictures_are_joined_by_an_instruction,
        what_is_no_picture_is_refused,
        a_picture_is_varied,
        a_request_that_is_cut_off_ends_its_job,
        a_repetition_joins_the_job_that_was_cut_off,
    ]
)
