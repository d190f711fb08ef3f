"use strict";
const LONGEST = 300;
const tip = document.getElementById("tip");

function say(dot) {
  const row = document.getElementById(dot.getAttribute("href").slice(1));
  const text = row.querySelector(".text bdi").textContent;
  const letters = Array.from(text.slice(0, 2 * LONGEST));
  const more = letters.length > LONGEST || text.length > 2 * LONGEST;
  tip.firstChild.textContent = dot.getAttribute("aria-label");
  tip.lastChild.textContent = letters.slice(0, LONGEST).join("") + (more ? "…" : "");
  tip.hidden = false;
  const at = dot.getBoundingClientRect();
  const { width, height } = tip.getBoundingClientRect();
  const edge = document.documentElement.clientWidth - width - 8;
  const left = Math.max(8, Math.min(edge, at.left + at.width / 2 - width / 2));
  const above = at.top - height - 10;
  tip.style.left = left + scrollX + "px";
  tip.style.top = (above < 8 ? at.bottom + 10 : above) + scrollY + "px";
  dot.setAttribute("aria-describedby", "tip");
}

function hush() {
  tip.hidden = true;
}

function walk(curve) {
  const dots = [...curve.querySelectorAll("a")];
  const byPlace = (a, b) => a.getBoundingClientRect().left - b.getBoundingClientRect().left;
  dots.sort(byPlace);
  if (dots.length) dots[0].setAttribute("tabindex", "0");
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  curve.addEventListener("keydown", (event) => {
    const here = dots.indexOf(document.activeElement);
    let next = here + (steps[event.key] || 0);
    if (event.key === "Home") next = 0;
    if (event.key === "End") next = dots.length - 1;
    if (event.key === "Escape") hush();
    if (here < 0 || next === here) return;
    event.preventDefault();
    next = Math.max(0, Math.min(dots.length - 1, next));
    dots[here].setAttribute("tabindex", "-1");
    dots[next].setAttribute("tabindex", "0");
    dots[next].focus();
  });
  for (const kind of ["mouseover", "focusin"]) {
    curve.addEventListener(kind, (event) => {
      const dot = event.target.closest("a");
      if (dot) say(dot);
    });
  }
  for (const kind of ["mouseout", "focusout"]) curve.addEventListener(kind, hush);
}

function valueOf(row, column) {
  const cell = row.cells[column];
  if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
  const text = cell.querySelector(".text");
  return text ? text.textContent.trim().toLowerCase() : null;
}

function order(a, b) {
  if (typeof a === "string") return a < b ? -1 : a > b ? 1 : 0;
  return a - b;
}

function sort(table, heading) {
  const textual = heading.classList.contains("instruction");
  const rises = textual || heading.classList.contains("step");
  const now = heading.getAttribute("aria-sort");
  const up = now === "none" ? rises : now === "descending";
  const rows = [...table.tBodies[0].rows].map((row) => [valueOf(row, heading.cellIndex), row]);
  // What has no value stays at the end, whichever way the others go.
  const [there, none] = [rows.filter(([v]) => v !== null), rows.filter(([v]) => v === null)];
  there.sort(([a], [b]) => (up ? order(a, b) : order(b, a)));
  table.tBodies[0].append(...[...there, ...none].map(([, row]) => row));
  for (const each of table.tHead.rows[0].cells) each.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", up ? "ascending" : "descending");
  const told = `sorted by ${heading.textContent}, ${up ? "ascending" : "descending"}`;
  table.closest("section").querySelector("[role=status]").textContent = told;
}

// Paper cannot be clicked: what is folded is opened for it.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const each of opened) each.open = true;
});
addEventListener("afterprint", () => {
  for (const each of opened) each.open = false;
});

for (const curve of document.querySelectorAll("svg.curve")) walk(curve);
for (const table of document.querySelectorAll("table.candidates")) {
  for (const heading of table.tHead.rows[0].cells) {
    heading.firstChild.addEventListener("click", () => sort(table, heading));
  }
}
