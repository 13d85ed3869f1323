// What a slow line brings last, one thing after another: the labs below the first, the nearest to the reader first, then
// the pictures out of sight, so that a page that has come is whole without a network.
addEventListener("load", async () => {
  /** @type {Set<HTMLElement>} */
  const waiting = new Set(document.querySelectorAll(".vae-lab[data-later]"));
  const away = (/** @type {HTMLElement} */ lab) => Math.abs(lab.getBoundingClientRect().top);
  const fetched = (/** @type {string} */ source) =>
    new Promise((done) => {
      const script = Object.assign(document.createElement("script"), { src: source, onload: done, onerror: done });
      document.head.append(script);
    });
  while (waiting.size) {
    const lab = [...waiting].reduce((nearest, other) => (away(other) < away(nearest) ? other : nearest));
    waiting.delete(lab);
    for (const source of (lab.dataset.later ?? "").split(" ")) await fetched(source);
  }
  /** @type {NodeListOf<HTMLImageElement>} */
  const images = document.querySelectorAll("img[loading=lazy]");
  for (const image of images) image.loading = "eager";
});
