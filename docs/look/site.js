// What the theme leaves out for those who have no mouse or hear the page: boxes that scroll can be
// reached by keyboard, and the button beside each block of code is no landmark of the page.
addEventListener("load", () => {
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap, pre > code, [style*=overflow-x]"))
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  for (const buttons of document.querySelectorAll("nav.md-code__nav")) buttons.setAttribute("role", "none");
});
