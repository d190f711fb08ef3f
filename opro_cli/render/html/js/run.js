// A run: its report, and while it works what it spends, proposes and waits for.

function bar(name, spent, limit, write) {
  if (spent === null || spent === undefined) return null;
  const words = limit ? `${write(spent)} of ${write(limit)}` : write(spent);
  const share = limit ? Math.min(1, spent / limit) : null;
  return make("div", { class: "gauge" },
    make("span", null, name), make("b", null, words),
    share === null ? null : make("progress", { max: "1", value: String(share), "aria-label": `${name}: ${words}` }));
}

function livePanel(live) {
  const { spent = {}, budget = {} } = live;
  const left = live.left === null || live.left === undefined ? "time left unknown yet" : `about ${duration(live.left)} left${live.left_at_most ? `, at most ${duration(live.left_at_most)}` : ""}`;
  const newest = (live.newest || []).map((text) => make("li", null, bdi(text, 400)));
  return make("section", { class: "live-panel", "aria-label": "at work" },
    make("h2", null, make("span", { class: "pulse", "aria-hidden": "true" }, "●"), " ", brief(live.phase || "at work", 120)),
    make("p", { class: "note" }, left),
    make("div", { class: "gauges" },
      bar("calls done", live.calls_done ?? spent.calls, live.calls_expected ?? budget.calls, count),
      bar("cost", spent.usd, budget.usd, money),
      bar("tokens", spent.tokens, budget.tokens, count)),
    newest.length ? [make("h3", null, "newest proposals"), make("ol", { class: "newest" }, newest)] : null);
}

/** The report that the server has built, as nodes; a template runs nothing and loads nothing. */
function reportNodes(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  return [...page.body.childNodes].map((node) => document.importNode(node, true));
}

const shortName = (prompt) => String(prompt.name || "").split("@").at(-1) || prompt.id;

/** The prompts of a run by id, with the words that name them in a command. */
function promptTexts(run, prompts) {
  return new Map(prompts.map((prompt) => [prompt.id, { ...prompt, command: `${run}@${shortName(prompt)}` }]));
}

/** Links to answers and to a comparison in every row of the table of prompts. */
function linkRows(root, run, prompts) {
  for (const row of root.querySelectorAll("tr[id]")) {
    const prompt = prompts[Number(row.id.slice(row.id.lastIndexOf("c") + 1))];
    if (!prompt) continue;
    const cell = row.querySelector("td.instruction");
    const name = shortName(prompt);
    const target = { view: "answers", run, asked: { prompts: writeList([prompt.id]) } };
    const pair = { view: "compare", run: "", asked: { prompts: writeList([`${run}@start`, `${run}@${name}`]) } };
    cell.append(make("div", { class: "links" },
      link(target, null, "answers", make("span", { class: "unseen" }, ` under prompt ${name}`)),
      prompt.is_start ? null : link(pair, null, "compare with start", make("span", { class: "unseen" }, `, prompt ${name}`)),
      promptButtons({ ...prompt, whole: "" })));
  }
}

/** A link to both replies at every question that flipped. */
function linkFlips(root, run, prompts) {
  const pair = ["is_start", "is_best"].map((role) => prompts.find((prompt) => prompt[role])?.id);
  if (!pair.every(Boolean)) return;
  for (const box of root.querySelectorAll("[data-flip]")) {
    const asked = { split: "test", prompts: writeList(pair), open: `${encodePart(pair[1])},${box.dataset.flip}` };
    box.append(make("div", { class: "links" }, link({ view: "answers", run, asked }, null, "replies",
      make("span", { class: "unseen" }, ` to test question ${box.dataset.flip}`))));
  }
}

/** The tabs over a run. */
function runTabs(run, view) {
  const tab = (name, target) => link(target, { "aria-current": view === name ? "page" : null }, name);
  return make("nav", { class: "tabs", "aria-label": `Views of ${visible(run)}` },
    make("ul", null,
      make("li", null, tab("report", { view: "run", run })),
      make("li", null, tab("answers", { view: "answers", run })),
      frozen ? null : make("li", null, tab("compare", { view: "compare", run: "", asked: { prompts: writeList([`${run}@start`, `${run}@best`]) } }))));
}

function runView({ run }) {
  const panel = make("div", { class: "panel" });
  const article = make("div", { class: "report" }, make("p", { class: "note" }, "reading the run …"));
  const newer = make("button", { type: "button", class: "newer", hidden: true }, "show newer figures");
  const node = make("div", { class: "view-run" }, make("h1", { class: "unseen" }, bdi(run, 200)), runTabs(run, "report"), panel, newer, article);
  let data = null;
  let html = null;

  async function fetchRows() {
    const { html: rows } = await get(apiPath("rows", { name: run }));
    const [table] = reportNodes(`<table>${rows}</table>`);
    linkRows(table, run, data.prompts);
    return [...table.rows];
  }

  async function completeAll() {
    for (const table of article.querySelectorAll("table.candidates")) await completions.get(table)();
  }

  /** Show a part of the report, which may be a row that is not drawn yet. */
  async function find(id) {
    if (!byId(id)) await completeAll();
    goTo(id);
  }

  function draw() {
    html = data.html;
    newer.hidden = true;
    article.replaceChildren(...reportNodes(html));
    enliven(article, promptTexts(run, data.prompts), fetchRows);
    linkRows(article, run, data.prompts);
    linkFlips(article, run, data.prompts);
  }

  newer.addEventListener("click", draw);

  return {
    node,
    title: () => run,
    async refresh(moved) {
      const fresh = await get(apiPath("run", { name: run }));
      if (fresh !== data) {
        data = fresh;
        panel.replaceChildren(...(data.live ? [livePanel(data.live)] : []));
        // Nothing is pulled away from under somebody who reads with the keyboard or selects text.
        const busy = html !== null && (article.contains(document.activeElement) || String(getSelection()) !== "");
        if (data.html !== html && !busy) draw();
        else newer.hidden = data.html === html;
      }
      if (moved && here.asked.at) await find(here.asked.at);
    },
    /** Have the rows that are left out, so that paper has them. */
    prepare: completeAll,
    keys: { a: () => (location.hash = writeAddress({ view: "answers", run })) },
  };
}
