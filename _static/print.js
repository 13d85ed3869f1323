// On paper the page is light. A lab's canvas cannot be painted again in time, so a dark one is printed as a dark picture.
{
  const root = document.documentElement;
  /** @type {{canvas: HTMLCanvasElement, copy: HTMLCanvasElement}[]} */
  const copies = [];

  addEventListener("beforeprint", () => {
    if (root.dataset.theme !== "dark") return;
    /** @type {NodeListOf<HTMLCanvasElement>} */
    const canvases = document.querySelectorAll(".vae-lab canvas");
    for (const canvas of canvases) {
      const copy = /** @type {HTMLCanvasElement} */ (canvas.cloneNode());
      const pen = copy.getContext("2d");
      if (!canvas.width || !pen) continue; // in a fold that was never open
      pen.fillStyle = getComputedStyle(document.body).backgroundColor;
      pen.fillRect(0, 0, copy.width, copy.height);
      pen.drawImage(canvas, 0, 0);
      canvas.style.display = "none";
      canvas.before(copy);
      copies.push({ canvas, copy });
    }
    root.dataset.theme = "light";
    addEventListener("afterprint", () => {
      root.dataset.theme = "dark";
      for (const { canvas, copy } of copies.splice(0)) {
        copy.remove();
        canvas.style.display = "";
      }
    }, { once: true });
  });
}
