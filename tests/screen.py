"""What every test that drives a browser shares: a page of our own, what a lab shows, and waiting for conditions, never for time."""

import json
import re

HEAD = (
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'><title>t</title>"
)
READY = ".vae-lab[data-ready=true]"
ALL_DECIDED = "!document.querySelector('.vae-lab:not([data-ready=true], [data-failed])')"  # alive or failed, each

# every canvas below an element and all it shows: another text where anything that is seen has changed. What is said to a
# screen reader when the hand has come to rest is heard, not seen, and comes later.
LOOKS = """root => [...root.querySelectorAll('canvas')].map(canvas => {
  if (!canvas.width || !canvas.height) return 0
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  const words = new Int32Array(data.buffer)
  let hash = 0
  for (let i = 0; i < words.length; i++) hash = (Math.imul(hash, 31) + words[i]) | 0
  return hash
}).join() + [...root.querySelectorAll('[role=status]')].reduce((text, { innerText }) => text.replace(innerText, ''), root.innerText).replaceAll(/\\s+/gu, ' ').trim()"""
# two frames: one that paints what has changed, one to be past it; and what a lab still computes is waited for
FRAMES = """count => new Promise(done => {
  const next = left => left > 0 || document.querySelector('[data-waiting]') ? requestAnimationFrame(() => next(left - 1)) : done()
  next(count)
})"""
# looked at frame by frame: where nothing else asks for one, none may come, and an animation's `finished` waits for ever
STILL = """() => new Promise(done => {
  const moves = () => document.getAnimations().some(animation => animation.playState === 'running')
  const look = () => moves() ? requestAnimationFrame(look) : done()
  look()
})"""


def settle(page):
    """Let the page paint what has been asked of it."""
    page.evaluate(FRAMES, 2)


def unfold(page):
    """Show the settings that labs keep out of sight at first."""
    for button in page.locator(".vae-lab-fold[aria-expanded=false]").all():
        button.press("Enter")
    settle(page)


def rest(page):
    """Wait until no transition and no animation is under way."""
    settle(page)
    page.evaluate(STILL)


def looks(root):
    """What an element (a locator) shows now, once everything asked for is painted."""
    settle(root.page)
    return root.evaluate(LOOKS)


def wait_for_look(root, wanted):
    """Wait until `root` looks as wanted."""
    _wait(root, wanted, "===")


def wait_for_change(root, before):
    """Wait until `root` looks otherwise than before, and return how."""
    _wait(root, before, "!==")
    return looks(root)


def _wait(root, look, sign):
    argument = [root.element_handle(), look]
    root.page.wait_for_function(f"([root, look]) => ({LOOKS})(root) {sign} look", arg=argument)


def press(page, key, times=1):
    for _ in range(times):
        page.keyboard.press(key)
    settle(page)


def set_slider(slider, value):
    """Move a native slider to a value, as a hand would, and let the page paint."""
    slider.evaluate("(e, value) => { e.value = value; e.dispatchEvent(new Event('input', { bubbles: true })) }", value)
    settle(slider.page)


def choose(menu, index):
    menu.select_option(index=index)
    settle(menu.page)


def drag(page, start, end, steps=4):
    """With the mouse, from one place on the screen to another."""
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=steps)
    page.mouse.up()
    settle(page)


# a handle out of sight, or below the strip of controls, is brought where a hand can take it
IN_SIGHT = """(canvas, y) => {
  const at = canvas.getBoundingClientRect().top + y
  const foot = canvas.closest('.vae-lab').querySelector('.vae-lab-strip').getBoundingClientRect().top
  if (at < 60 || at > Math.min(foot, innerHeight) - 24) scrollBy({ top: at - innerHeight / 3, behavior: 'instant' }) }"""


def knob(root, which=0):
    """Where a handle of the first lab in a page, or below a locator, stands on the screen: what there is to take hold of."""
    settle(getattr(root, "page", root))
    canvas = root.locator("canvas").first
    x, y = (float(part) for part in canvas.get_attribute("data-knobs").split()[which].split(","))
    small = canvas.bounding_box()["width"] / canvas.evaluate("canvas => canvas.width / devicePixelRatio")
    canvas.evaluate(IN_SIGHT, y * small)
    box = canvas.bounding_box()
    return box["x"] + x * small, box["y"] + y * small


def tiles(page):
    """The numbers below a lab's canvas, as text."""
    return page.locator(".vae-lab-tile-number").all_text_contents()


def tile_numbers(page):
    return [float(text.replace("−", "-")) for text in tiles(page)]


def words(page):
    """What a screen reader is told of the first canvas."""
    return page.locator("canvas").first.get_attribute("aria-label")


# --- the lab's payload, for those who damage it ---

PAYLOAD = re.compile(r'(?<=application/json">)(.*?)(?=</script>)', re.DOTALL)


def with_payload(html, change):
    """The lab with its payload changed: `change` is given the payload's contents, and may return other text for it."""
    head, payload, tail = PAYLOAD.split(html, maxsplit=1)
    content = json.loads(payload)
    return head + (change(content) or json.dumps(content)) + tail


def begin(content, **values):
    """Let the payload's controls begin at these values."""
    for control in content["spec"]["controls"]:
        control["value"] = values.get(control["name"], control["value"])


def refs(value):
    """Every {"dtype", "shape", "at"} in a spec, however deep."""
    if isinstance(value, dict) and "dtype" in value:
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [ref for part in parts for ref in refs(part)]


def networks(value):
    """Every list of layers in a spec."""
    if isinstance(value, dict):
        return ([value["layers"]] if "layers" in value else []) + networks(list(value.values()))
    return [found for part in value for found in networks(part)] if isinstance(value, list) else []
