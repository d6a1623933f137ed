"""webuiapi against a running server: `webuiapi_client.py ADDRESS KEY`."""

import sys
import threading
import time

import requests
import webuiapi

from pictures import opened, picture, run

ADDRESS, KEY = sys.argv[1:3]
api = webuiapi.WebUIApi(baseurl=f"{ADDRESS}/sdapi/v1", steps=3, username="anybody", password=KEY)
SMALL = {"prompt": "a lighthouse", "width": 64, "height": 64, "cfg_scale": 1, "seed": 7}


def what_there_is_can_be_listed():
    assert "smoke" in api.util_get_model_names()
    assert {"Euler a", "DPM++ 2M", "DDIM"} <= set(api.util_get_sampler_names())
    assert "karras" in api.util_get_scheduler_names()
    assert [upscaler["name"] for upscaler in api.get_upscalers()][:2] == ["None", "Lanczos"]
    assert {"name": "Latent"} in api.get_latent_upscale_modes()
    assert {"tiny-esrgan-x2", "tiny-esrgan-x4"} <= {upscaler["name"] for upscaler in api.get_upscalers()}
    assert [lora["name"] for lora in api.get_loras()] == ["tiny-lora"]
    assert (api.get_sd_vae(), api.get_prompt_styles()) == ([], [])
    assert set(api.get_embeddings()) == {"loaded", "skipped"}
    assert api.get_memory()["ram"]["total"] > 0
    assert api.get_cmd_flags()["api"] and api.get_scripts()["txt2img"] == []


def options_choose_the_model_and_the_whole_object_can_be_posted_back():
    options = api.get_options()
    assert options["sd_model_checkpoint"] == "smoke"
    api.set_options(options)
    api.util_set_model("smoke", find_closest=False)
    assert api.util_get_current_model() == "smoke"
    answer = requests.post(f"{ADDRESS}/sdapi/v1/options", json={"sd_model_checkpoint": "none"}, auth=("x", KEY))
    assert answer.status_code == 422 and "sd-models" in answer.json()["detail"], answer.text
    api.refresh_checkpoints()


def a_picture_comes_with_its_seed_and_the_same_seed_gives_the_same_bytes():
    first, second = api.txt2img(**SMALL), api.txt2img(**SMALL)
    assert first.image.size == (64, 64)
    assert first.info["seed"] == 7 and first.info["all_seeds"] == [7], first.info
    assert "Seed: 7" in first.info["infotexts"][0]
    assert "Seed: 7" in first.image.info["parameters"]
    assert first.json["images"] == second.json["images"]
    assert api.txt2img(**SMALL | {"seed": 8}).json["images"] != first.json["images"]
    told = api.png_info(first.image)
    assert "Seed: 7" in told.info, told.info
    assert told.parameters["Seed"] == 7 and told.parameters["Prompt"] == "a lighthouse", told.parameters


def a_lora_changes_the_picture():
    def painted(prompt):
        return opened(api.txt2img(**SMALL | {"prompt": prompt}).json["images"][0]).convert("RGB").tobytes()

    assert painted("a lighthouse<lora:tiny-lora:0>") == painted("a lighthouse")
    assert painted("a lighthouse<lora:tiny-lora:1>") != painted("a lighthouse")


def batches_multiply_and_seeds_count_up():
    made = api.txt2img(**SMALL, batch_size=2, n_iter=2, sampler_name="DPM++ 2M Karras")
    assert len(made.images) == 4 and made.info["all_seeds"] == [7, 8, 9, 10], made.info


def a_second_pass_makes_it_larger():
    made = api.txt2img(**SMALL, enable_hr=True, hr_scale=2, hr_upscaler=webuiapi.HiResUpscaler.Latent)
    assert made.image.size == (128, 128), made.image.size


def a_picture_is_repainted():
    made = api.img2img(images=[picture()], denoising_strength=0.6, **SMALL)
    assert made.image.size == (64, 64)
    wider = api.img2img(images=[picture()], resize_mode=1, **SMALL | {"width": 128})
    assert wider.image.size == (128, 64)


def under_a_mask_only_what_is_white_changes():
    image, mask = picture(), picture(colour=(0, 0, 0))
    mask.paste((0, 0, 0), (0, 0, 64, 64))
    mask.paste((255, 255, 255), (32, 0, 64, 64))
    left, right = (0, 0, 32, 64), (32, 0, 64, 64)
    made = api.img2img(images=[image], mask_image=mask, mask_blur=0, **SMALL).image.convert("RGB")
    assert made.crop(left).tobytes() == image.crop(left).tobytes()
    assert made.crop(right).tobytes() != image.crop(right).tobytes()
    made = api.img2img(images=[image], mask_image=mask, mask_blur=0, inpainting_mask_invert=1, **SMALL)
    made = made.image.convert("RGB")
    assert made.crop(right).tobytes() == image.crop(right).tobytes()
    assert made.crop(left).tobytes() != image.crop(left).tobytes()


def a_picture_is_made_larger():
    assert api.extra_single_image(picture(), upscaling_resize=2).image.size == (128, 128)
    assert api.extra_single_image(picture(), upscaler_1="tiny-esrgan-x2", upscaling_resize=2).image.size == (128, 128)
    several = api.extra_batch_images([picture(), picture(32, 64)], upscaling_resize=2, upscaler_1="Lanczos")
    assert [image.size for image in several.images] == [(128, 128), (64, 128)]


class Long:
    """A picture that takes long, asked for beside what the test does."""

    def __enter__(self):
        self.made = None
        self.thread = threading.Thread(target=self.paint)
        self.thread.start()
        return self

    def paint(self):
        self.made = api.txt2img(prompt="a large lighthouse", width=256, height=256, steps=150, cfg_scale=1)

    def __exit__(self, *_):
        api.interrupt()
        self.thread.join(60)


def progress_moves_shows_the_picture_and_an_interrupt_ends_it_within_seconds():
    assert api.get_progress()["state"]["job_count"] == 0
    with Long() as long:
        seen, preview, until = set(), None, time.time() + 60
        while len(seen) < 3 or preview is None:
            now = api.get_progress()
            assert time.time() < until, now
            preview = now["current_image"] or preview
            seen.add(now["state"]["sampling_step"])
            assert now["state"]["job_count"] in (0, 1)
            time.sleep(0.05)
        assert opened(preview).size[0] > 0
        begun = time.time()
        api.interrupt()
        long.thread.join(20)
        assert not long.thread.is_alive(), "the interrupt was not heard"
        assert time.time() - begun < 8, f"it took {time.time() - begun} s"
    assert long.made.info["interrupted"] and len(long.made.images) <= 1
    assert api.get_progress()["progress"] == 0


def a_client_that_goes_away_ends_its_job():
    body = {"prompt": "left alone", "width": 256, "height": 256, "steps": 150, "cfg_scale": 1}
    try:
        requests.post(f"{ADDRESS}/sdapi/v1/txt2img", json=body, auth=("x", KEY), timeout=1.5)
        raise AssertionError("a hundred and fifty steps took less than two seconds")
    except requests.exceptions.Timeout:
        pass
    until = time.time() + 30
    while True:
        jobs = requests.get(f"{ADDRESS}/api/jobs?text=left%20alone", headers={"Authorization": f"Bearer {KEY}"})
        if [job["state"] for job in jobs.json()["data"]] == ["cancelled"]:
            return
        assert time.time() < until, jobs.text
        time.sleep(0.1)


def what_is_wrong_is_said():
    for wrong, word in [({"width": 65}, "width"), ({"prompt": ""}, "prompt"), ({"sampler_name": "none"}, "sampler")]:
        try:
            api.txt2img(**SMALL | wrong)
            raise AssertionError(f"{wrong} was not refused")
        except RuntimeError as error:
            status, text = error.args
            assert status == 422 and word in text, text
    answer = requests.get(f"{ADDRESS}/sdapi/v1/options", auth=("anybody", "wrong"))
    assert answer.status_code == 401 and answer.json()["detail"], answer.text


def what_has_no_content_type_is_read():
    data = '{"prompt": "a lighthouse", "width": 64, "height": 64, "steps": 2, "unknown": {"a": 1}}'
    for headers in ({}, {"Content-Type": "text/plain"}):
        answer = requests.post(f"{ADDRESS}/sdapi/v1/txt2img", data=data.encode(), headers=headers, auth=("x", KEY))
        assert answer.status_code == 200 and isinstance(answer.json()["info"], str), answer.text


run(
    [
        what_there_is_can_be_listed,
        options_choose_the_model_and_the_whole_object_can_be_posted_back,
        a_picture_comes_with_its_seed_and_the_same_seed_gives_the_same_bytes,
        a_lora_changes_the_picture,
        batches_multiply_and_seeds_count_up,
        a_second_pass_makes_it_larger,
        a_picture_is_repainted,
        under_a_mask_only_what_is_white_changes,
        a_picture_is_made_larger,
        progress_moves_shows_the_picture_and_an_interrupt_ends_it_within_seconds,
        a_client_that_goes_away_ends_its_job,
        what_is_wrong_is_said,
        what_has_no_content_type_is_read,
    ]
)
