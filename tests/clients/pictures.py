"""Pictures for the tests of clients, and how to look at them."""

import base64
import io
import sys
import traceback

from PIL import Image


def picture(width=64, height=64, colour=(200, 80, 40)):
    """Returns a picture with something to see: a square on a ground."""
    image = Image.new("RGB", (width, height), colour)
    image.paste((20, 40, 220), (width // 4, height // 4, width // 2, height // 2))
    return image


def png(image):
    """Returns the bytes of a PNG."""
    with io.BytesIO() as file:
        image.save(file, format="PNG")
        return file.getvalue()


def opened(data):
    """Returns the picture in these bytes or in this base64, decoded to its last pixel."""
    if isinstance(data, str):
        data = base64.b64decode(data, validate=True)
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def run(checks):
    """Runs the checks in their order, says which fail, and ends with how many did."""
    failed = 0
    for check in checks:
        try:
            check()
            print(f"ok      {check.__name__}")
        except Exception:
            failed += 1
            print(f"FAILED  {check.__name__}")
            traceback.print_exc()
    print(f"{len(checks) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
