// What is shown: the view that the address names, kept fresh while somebody looks.

const VIEWS = { runs: runsView, run: runView, answers: answersView, compare: compareView };
const EVERY = 2000; // milliseconds between two looks at a run that works

const main = byId("main");
const report = frozen ? [...main.childNodes] : [];
let view = null;
let shown = "";

function problem(error) {
  return make("div", { class: "problem", role: "alert" },
    make("p", null, visible(error.message || String(error))), error.hint ? make("p", { class: "note" }, visible(error.hint)) : null);
}

async function refresh(moved) {
  const mine = view;
  if (!mine) return;
  try {
    await mine.refresh(moved);
    if (mine !== view) return;
    byId("trouble").replaceChildren();
    if (!mine.node.isConnected) main.replaceChildren(mine.node);
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    if (mine !== view) return;
    byId("trouble").replaceChildren(problem(error));
    // What was asked for is not there: figures of something else must not stand below that.
    if (error.status >= 400 && error.status < 500) mine.node.remove();
  }
}

function showReport() {
  view = null;
  if (shown !== "report") main.replaceChildren(...report);
  shown = "report";
}

/** The way from the list of runs to what is shown. */
function drawCrumbs() {
  const sep = () => make("span", { class: "sep", "aria-hidden": "true" }, "›");
  const trail = here.run ? [sep(), link({ view: "run", run: here.run }, null, bdi(here.run, 60))] : [];
  if (here.view === "compare") trail.push(sep(), make("span", null, "compare"));
  byId("trail").replaceChildren(...trail);
}

/** Show what the address names. */
async function route() {
  hideTip();
  const next = readAddress(location.hash);
  if (next === null || (frozen && (next.view === "report" || next.view === "run"))) {
    if (frozen) showReport();
    const id = next === null ? decodePart(location.hash.slice(1)) : frozen.anchors?.[next.run] || "";
    if (id && shown === "report") goTo(id);
    here = next || { view: "report", run: "", asked: {} };
    return;
  }
  here = next;
  const key = `${here.view} ${here.run}`;
  const moved = shown !== key;
  if (moved) {
    shown = key;
    view = VIEWS[here.view](here);
    main.replaceChildren(view.node);
    if (!frozen) scrollTo(0, 0);
    byId("trouble").replaceChildren();
  }
  document.title = `${visible(view.title())} · opro`;
  drawCrumbs();
  if (moved && document.activeElement !== document.body) main.focus({ preventScroll: true });
  if (!moved && view.redraw?.()) return;
  await refresh(true);
}

const KEYS = [
  ["j k", "next and previous: run, question"],
  ["h l", "previous and next prompt"],
  ["← ↑ → ↓", "move in the grid and along a curve"],
  ["Enter", "open what is chosen"],
  ["x", "choose a run to compare"],
  ["a", "from a run to its answers"],
  ["/", "search"],
  ["Esc", "close; leave the search"],
];

function makeHelp() {
  const keys = KEYS.map(([names, what]) =>
    make("div", null, make("dt", null, names.split(" ").map((name) => [make("kbd", null, name), " "])), make("dd", null, what)));
  const shut = make("button", { type: "button" }, "close");
  const dialog = make("dialog", { id: "help", "aria-labelledby": "help-title" },
    make("h2", { id: "help-title" }, "Keys"), make("dl", null, keys), shut);
  shut.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  return dialog;
}

const help = makeHelp();

/** Print once all is there; the menu of the browser prints the texts that have come. */
async function printView() {
  await view.prepare();
  print();
}

addEventListener("beforeprint", () => view?.print?.(true));
addEventListener("afterprint", () => view?.print?.(false));

addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "p" && view?.prepare) {
    event.preventDefault();
    printView();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select");
  if (typing) {
    if (event.key === "Escape") typing.blur();
    return;
  }
  if (help.open) return; // the dialog closes itself
  if (event.key === "?") {
    event.preventDefault();
    help.showModal();
    return;
  }
  const act = view?.keys[event.key];
  if (event.key === "Enter" && event.target.closest?.("a, button, summary, .grid")) return;
  if (act) {
    event.preventDefault();
    act();
  } else if (event.key === "/") {
    const box = main.querySelector("input[type=search]");
    if (box) {
      event.preventDefault();
      box.focus();
    }
  }
});

document.addEventListener("click", (event) => {
  const anchor = event.target.closest?.("a[href^='#']");
  if (!anchor || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const target = anchor.getAttribute("href");
  if (anchor.classList.contains("skip")) {
    event.preventDefault();
    main.focus();
  } else if (!target.startsWith("#/") && byId(decodePart(target.slice(1)))) {
    // An anchor within a report: an address of the live page stays the run's.
    event.preventDefault();
    if (frozen) history.pushState(null, "", target);
    else if (here.view === "run") history.replaceState(null, "", writeAddress({ ...here, asked: { at: target.slice(1) } }));
    goTo(decodePart(target.slice(1)));
  }
});

byId("keys").addEventListener("click", () => help.showModal());
addEventListener("hashchange", route);

if (frozen) {
  const texts = new Map();
  for (const [run, data] of Object.entries(frozen.runs || {})) {
    for (const [id, text] of promptTexts(run, data.prompts)) texts.set(id, text);
    const article = byId(frozen.anchors[run]);
    if (article && frozen.answers[run]?.test) linkFlips(article, run, data.prompts);
  }
  enliven(main, texts);
} else {
  let looking = false; // a look that takes longer than EVERY is not joined by others
  const look = async () => {
    if (looking || document.visibilityState !== "visible") return;
    looking = true;
    await refresh(false).finally(() => (looking = false));
  };
  setInterval(look, EVERY);
  document.addEventListener("visibilitychange", look);
}
route();
