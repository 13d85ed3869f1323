// What scrolls sideways on a narrow screen can be reached with the keyboard, for as long as it does.
document.addEventListener("DOMContentLoaded", () => {
  const scrolls = (/** @type {Element} */ part) =>
    part.scrollWidth > part.clientWidth && ["auto", "scroll"].includes(getComputedStyle(part).overflowX);
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (scrolls(target)) target.setAttribute("tabindex", "0");
      else target.removeAttribute("tabindex");
    }
  });
  for (const part of document.querySelectorAll(".bd-article :is(table, pre, .math, mjx-container[display=true])"))
    watch.observe(part);
});
