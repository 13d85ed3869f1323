// What a slow line brings last, one thing after another: the labs below the first, the nearest to the reader first, then
// the pictures out of sight, so that a page that has come is whole without a network.
addEventListener("load", async () => {
  const waiting = new Set(document.querySelectorAll(".vae-lab[data-later]"));
  const away = (lab) => Math.abs(lab.getBoundingClientRect().top);
  const fetched = (source) =>
    new Promise((done) => {
      const script = Object.assign(document.createElement("script"), { src: source, onload: done, onerror: done });
      document.head.append(script);
    });
  while (waiting.size) {
    const lab = [...waiting].reduce((nearest, other) => (away(other) < away(nearest) ? other : nearest));
    waiting.delete(lab);
    for (const source of lab.dataset.later.split(" ")) await fetched(source);
  }
  for (const image of document.querySelectorAll("img[loading=lazy]")) image.loading = "eager";
});
