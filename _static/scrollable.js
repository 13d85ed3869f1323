// What scrolls sideways on a narrow screen can be reached with the keyboard, for as long as it does; and a table whose first column
// stays says when something has gone behind it (book.css).
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
  for (const part of document.querySelectorAll(".bd-article :is(table, [role=region])"))
    part.addEventListener("scroll", () => part.toggleAttribute("data-scrolled", part.scrollLeft > 0), { passive: true });
});
