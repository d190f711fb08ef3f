// The report of a run: tips at dots, keys in curves, tables that sort and unfold, texts to copy.

const LONGEST_TIP = 300;
const FIRST_ROWS = 12;
const tip = byId("tip");

function showTip(dot) {
  const row = byId(dot.getAttribute("href").slice(1));
  if (!row) return;
  const text = row.querySelector(".text bdi").textContent;
  const letters = Array.from(text.slice(0, 2 * LONGEST_TIP));
  const more = letters.length > LONGEST_TIP || text.length > 2 * LONGEST_TIP;
  tip.firstChild.textContent = dot.getAttribute("aria-label");
  tip.lastChild.textContent = letters.slice(0, LONGEST_TIP).join("") + (more ? "…" : "");
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

function hideTip() {
  tip.hidden = true;
}

function walkCurve(curve) {
  const dots = [...curve.querySelectorAll("a")];
  // Read off the dots: to measure them would lay out the page before it is complete.
  const place = ({ firstChild: mark }) => parseFloat(mark.getAttribute("cx") ?? mark.getAttribute("x"));
  dots.sort((a, b) => place(a) - place(b));
  if (dots.length) dots[0].setAttribute("tabindex", "0");
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  curve.addEventListener("keydown", (event) => {
    const here = dots.indexOf(document.activeElement);
    let next = here + (steps[event.key] || 0);
    if (event.key === "Home") next = 0;
    if (event.key === "End") next = dots.length - 1;
    if (event.key === "Escape") hideTip();
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
      if (dot) showTip(dot);
    });
  }
  for (const kind of ["mouseout", "focusout"]) curve.addEventListener(kind, hideTip);
}

function valueOf(row, column) {
  const cell = row.cells[column];
  if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
  const text = cell.querySelector(".text");
  return text ? text.textContent.trim().toLowerCase() : null;
}

function compareValues(a, b) {
  if (typeof a === "string") return a < b ? -1 : a > b ? 1 : 0;
  return a - b;
}

function orderRows(table, heading, up) {
  const rows = [...table.tBodies[0].rows].map((row) => [valueOf(row, heading.cellIndex), row]);
  // What has no value stays at the end, whichever way the others go.
  const [there, none] = [rows.filter(([v]) => v !== null), rows.filter(([v]) => v === null)];
  there.sort(([a], [b]) => (up ? compareValues(a, b) : compareValues(b, a)));
  table.tBodies[0].append(...[...there, ...none].map(([, row]) => row));
}

function sortTable(table, heading) {
  const textual = heading.classList.contains("instruction");
  const rises = textual || heading.classList.contains("step");
  const now = heading.getAttribute("aria-sort");
  const up = now === "none" ? rises : now === "descending";
  orderRows(table, heading, up);
  for (const each of table.tHead.rows[0].cells) each.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", up ? "ascending" : "descending");
  foldRows(table);
  const told = `sorted by ${heading.textContent}, ${up ? "ascending" : "descending"}`;
  table.closest("section").querySelector("[role=status]").textContent = told;
}

/** Show the first rows of a long table, or all of them once somebody has asked. */
function foldRows(table) {
  const rows = [...table.tBodies[0].rows];
  const whole = table.dataset.whole === "yes" || rows.length <= FIRST_ROWS + 3;
  rows.forEach((row, at) => (row.hidden = !whole && at >= FIRST_ROWS && !row.classList.length));
}

function unfoldRows(table) {
  table.dataset.whole = "yes";
  foldRows(table);
  table.closest("section").querySelector(".unfold")?.remove();
}

/** Have all rows in a table that was drawn with some; `fetchRows` returns them, each one element. */
async function completeTable(table, fetchRows) {
  const rest = table.closest("section").querySelector(".left-out");
  if (!rest || !fetchRows) return;
  const rows = await fetchRows();
  if (!rest.isConnected) return; // they were asked for twice
  table.tBodies[0].replaceChildren(...rows);
  rest.remove();
  const sorted = table.tHead.querySelector("[aria-sort$=ending]");
  orderRows(table, sorted, sorted.getAttribute("aria-sort") === "ascending");
  foldRows(table);
}

const completions = new WeakMap(); // of tables: what brings the rows that are left out

function enlivenTable(table, fetchRows) {
  const rest = table.closest("section").querySelector(".left-out");
  const complete = () => completeTable(table, fetchRows)
    .catch((error) => {
      byId("trouble").replaceChildren(problem(error));
      return false;
    });
  completions.set(table, complete);
  if (fetchRows) rest?.querySelector(".elsewhere").remove();
  for (const heading of table.tHead.rows[0].cells) {
    heading.firstChild.addEventListener("click", () => complete().then(() => sortTable(table, heading)));
  }
  foldRows(table);
  const rows = [...table.tBodies[0].rows];
  if (!rest && !rows.some((row) => row.hidden)) return;
  const words = !rest ? `show all ${count(rows.length)}`
    : fetchRows ? `show all ${count(Number(rest.dataset.total))}` : `show these ${count(rows.length)}`;
  const button = make("button", { type: "button", class: "quiet unfold" }, words);
  button.addEventListener("click", () => complete().then((done) => done === false || unfoldRows(table)));
  table.parentElement.after(button);
}

/** Bring an element of the report before the reader's eyes; false where there is none. */
function goTo(id) {
  const target = byId(id);
  if (!target) return false;
  for (let box = target.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  const table = target.closest("table.candidates");
  if (table && target.hidden) unfoldRows(table);
  for (const aimed of document.querySelectorAll(".aimed")) aimed.classList.remove("aimed");
  target.classList.add("aimed");
  if (!target.hasAttribute("tabindex")) target.setAttribute("tabindex", "-1");
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: "start" });
  return true;
}

/**
 * Give a report its keys, tips and buttons. `texts` are the prompts by id, as they were sent;
 * `fetchRows` returns all rows of the table, where there is somebody to ask for them.
 */
function enliven(root, texts, fetchRows = null) {
  for (const curve of root.querySelectorAll("svg.curve")) walkCurve(curve);
  for (const table of root.querySelectorAll("table.candidates")) enlivenTable(table, fetchRows);
  for (const card of root.querySelectorAll("[data-prompt]")) {
    const prompt = texts.get(card.dataset.prompt);
    if (!prompt) continue;
    const save = make("button", { type: "button", class: "copy" }, "download");
    save.addEventListener("click", () => download(card.dataset.file || "prompt.txt", prompt.whole || prompt.text));
    card.append(
      ...promptButtons(prompt),
      save,
      copyButton("copy command", `opro prompt ${quote(prompt.command)}`),
    );
  }
}

// Paper cannot be clicked: what is folded is opened for it.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const each of opened) each.open = true;
  for (const table of document.querySelectorAll("table.candidates")) unfoldRows(table);
});
addEventListener("afterprint", () => {
  for (const each of opened) each.open = false;
});
