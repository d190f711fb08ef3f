// All runs: filter, sort, search, choose some to compare; a config over time; sweeps as groups.

const VERDICTS = {
  improved: ["▲", "improved", "good"],
  worse: ["▼", "worse", "bad"],
  not_distinguishable: ["≈", "no measurable gain", "even"],
};

const UNFINISHED = { failed: ["✗", "bad"], killed: ["†", "bad"], stopped: ["‖", "soft"] };

function verdictMark(row) {
  const [sign, word, kind] = VERDICTS[row.verdict] || [];
  if (word) return make("span", { class: `verdict-mark ${kind}` }, `${sign} ${word}`);
  if (row.status === "running") return make("span", { class: "verdict-mark live" }, "● running");
  const words = row.status === "finished" ? row.verdict || "no verdict" : row.status;
  const [mark, tone] = UNFINISHED[row.status] || ["–", "soft"];
  return make("span", { class: `verdict-mark ${tone}` }, `${mark} `, bdi(words, 40));
}

function gainText(gain) {
  if (!gain) return null;
  const [low, high] = gain.interval || [];
  const ends = gain.interval ? `[${points(low)} to ${points(high)}]` : "";
  const p = gain.p ?? null;
  const words = p === null ? "" : `p ${p < 0.001 ? "< 0.001" : `= ${p.toPrecision(2)}`}`;
  return [make("b", null, points(gain.mean)), " ", make("small", null, words), " ", make("small", { class: "under" }, ends)];
}

/** The best score so far by step, as a line and a dot at its end. */
function spark(values, label) {
  const known = (values || []).filter((value) => Number.isFinite(value));
  const [width, height] = [96, 22];
  const box = { class: "spark", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label };
  if (!known.length) return make("span", { class: "none" }, "–");
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const across = (at) => (3 + (at * (width - 6)) / Math.max(1, known.length - 1)).toFixed(1);
  const down = (value) => (high === low ? height / 2 : height - 4 - ((value - low) / (high - low)) * (height - 8)).toFixed(1);
  let path = `M${across(0)} ${down(known[0])}`;
  known.slice(1).forEach((value, at) => (path += `H${across(at + 1)}V${down(value)}`));
  const last = known.length - 1;
  return make(
    "svg:svg",
    box,
    make("svg:path", { d: path }),
    make("svg:circle", { cx: across(last), cy: down(known[last]), r: 2.5 }),
  );
}

const COLUMNS = [
  { key: "run", title: "run", value: (row) => row.run.toLowerCase(), rises: true },
  { key: "created", title: "started", value: (row) => row.created || "" },
  { key: "verdict", title: "verdict", value: (row) => ["worse", "not_distinguishable", "improved"].indexOf(row.verdict) },
  { key: "gain", title: "gain on test", value: (row) => row.gain?.mean },
  { key: "best", title: "best", value: (row) => row.best?.mean },
  { key: "spark", title: "best by step" },
  { key: "scorer", title: "models", value: (row) => String(row.scorer).toLowerCase(), rises: true },
  { key: "calls", title: "calls", value: (row) => row.calls },
  { key: "usd", title: "cost", value: (row) => row.usd },
];

function sortRows(rows, key, falls) {
  const column = COLUMNS.find((each) => each.key === key && each.value) || COLUMNS[1];
  const keyed = rows.map((row) => [column.value(row), row]);
  const none = (value) => value === null || value === undefined || value === "";
  const there = keyed.filter(([value]) => !none(value));
  there.sort(([a], [b]) => (falls ? compareValues(b, a) : compareValues(a, b)));
  return [...there, ...keyed.filter(([value]) => none(value))].map(([, row]) => row);
}

function bestCell(row) {
  if (!row.best) return ["–"];
  const { mean, split, interval } = row.best;
  return [make("b", null, scoreText(mean, row.scale)), " ", make("small", null, split), " ", make("small", { class: "under" }, boundsText(interval, row.scale))];
}

function runCells(row, picked, pick, inside) {
  const box = make("input", { type: "checkbox", "aria-label": `compare ${visible(row.run)}` });
  box.checked = picked.includes(row.run);
  box.addEventListener("change", () => pick(row.run, box.checked));
  const tags = (row.tags || []).map((tag) => make("span", { class: "tag" }, brief(tag, 30)));
  const cell = (key, ...content) => make("td", { class: `c-${key}` }, ...content);
  // Below the heading of its sweep a cell goes by its own name.
  const own = inside && row.run.startsWith(`${row.sweep}/`) ? row.run.slice(row.sweep.length + 1) : row.run;
  const name = link({ view: "run", run: row.run }, { class: "open", title: inside ? visible(row.run) : null }, bdi(own, 120));
  return [
    cell("pick", box),
    make("th", { scope: "row", class: "c-run" }, name, tags),
    cell("created", when(row.created)),
    cell("verdict", verdictMark(row)),
    cell("gain", ...(gainText(row.gain) || ["–"])),
    cell("best", ...bestCell(row)),
    cell("spark", spark(row.spark, `best score by step, last ${scoreText((row.spark || []).at(-1), row.scale)}`)),
    cell("models", bdi(row.scorer, 60), make("small", null, bdi(row.optimizer, 60))),
    cell("calls", count(row.calls)),
    cell("usd", money(row.usd)),
  ];
}

/** A chart of one config over time: the score of each run's winner, the last on the right. */
function trendChart(points_) {
  const [width, height] = [innerWidth < 700 ? 400 : 960, 160];
  const scored = points_.filter((point) => Number.isFinite(point.score));
  if (scored.length < 2) return make("p", { class: "note" }, "A trend takes two runs with a score.");
  const scores = scored.flatMap((point) => [point.score, ...(point.interval || [])]);
  let [low, high] = [Math.min(...scores), Math.max(...scores)];
  if (high - low < 0.1) [low, high] = [low - 0.05, high + 0.05];
  const across = (at) => 48 + (at * (width - 80)) / (scored.length - 1);
  const down = (value) => 14 + ((high - value) / (high - low)) * (height - 40);
  // Scores on other questions are no trend: only points of one split are joined.
  const splits = ["test", "dev", "train"].filter((split) => scored.some((point) => point.split === split));
  const line = splits.flatMap((split) => scored
    .map((point, at) => [point, `${across(at).toFixed(1)} ${down(point.score).toFixed(1)}`])
    .filter(([point]) => point.split === split)
    .map(([, place], at) => `${at ? "L" : "M"}${place}`));
  const dots = scored.map((point, at) => {
    const [sign, word, kind] = VERDICTS[point.verdict] || ["–", "no verdict", "soft"];
    const label = `${visible(point.run)}, ${when(point.created)}: ${scoreText(point.score, point.scale)}${point.split ? ` on ${point.split}` : ""}, ${sign} ${word}`;
    return make(
      "svg:a",
      { class: point.split === splits[0] ? null : "seen", href: writeAddress({ view: "run", run: point.run }), "aria-label": label },
      make("svg:title", null, label),
      point.interval ? make("svg:path", { class: "whisker", d: `M${across(at)} ${down(point.interval[0])}V${down(point.interval[1])}` }) : null,
      make("svg:circle", { cx: across(at), cy: down(point.score), r: 5, class: kind }),
      make("svg:text", { x: across(at) + 9, y: down(point.score) + 4, class: kind }, sign),
    );
  });
  const ticks = [low, high].map((value) => make("svg:text", { x: 42, y: down(value) + 4, class: "left" }, scoreText(value, scored[0].scale)));
  const ends = [
    make("svg:text", { x: 48, y: height - 6 }, when(scored[0].created)),
    make("svg:text", { x: width - 32, y: height - 6, class: "left" }, when(scored.at(-1).created)),
  ];
  const value = areShares(scored[0].scale) ? "score" : "value";
  const rest = splits.length > 1 ? `; hollow: on ${splits.slice(1).join(" or ")}, which compares with no ${splits[0]} score` : "";
  const name = `winner's ${value}${splits.length ? ` on ${splits[0]}` : ""}, 95 % intervals${rest}`;
  const label = `Scores of the winners of ${scored.length} runs over time`;
  return make("div", null, make("p", { class: "note axis-name" }, name), make(
    "svg:svg",
    { class: "trend", viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label },
    make("svg:path", { d: line.join("") }), ticks, ends, dots,
  ));
}

function runsView() {
  const tools = make("div", { class: "tools", role: "search" });
  const trend = make("section", { class: "trend-box", hidden: true, "aria-label": "one config over time" });
  const body = make("tbody");
  const head = make("tr");
  const summary = make("p", { class: "note", role: "status" });
  const table = make(
    "table",
    { class: "runs" },
    make("caption", { class: "unseen" }, "Runs"),
    make("thead", null, head),
  );
  table.append(body);
  const chosen = make("div", { class: "chosen", role: "region", "aria-label": "chosen runs", hidden: true });
  const left = make("div", { class: "notes" });
  const node = make("div", { class: "view-runs" }, make("h1", null, "Runs"), tools, trend, summary,
    make("div", { class: "wide", role: "region", "aria-label": "table of runs", tabindex: "0" }, table), left, chosen);
  const drawn = new Map(); // rows by name, with what they were drawn from
  let data = null;
  let toolsFor = "";
  let fields = {};

  function pick(run, on) {
    const picked = readList(here.asked.pick).filter((each) => each !== run);
    change({ pick: writeList(on ? [...picked, run] : picked) });
  }

  function drawTools() {
    const names = (key) => [...new Set(data.runs.map((row) => row[key]).filter(Boolean))].sort();
    const [configs, statuses] = [names("config"), names("status")];
    const now = JSON.stringify([configs, statuses]);
    if (now === toolsFor) {
      syncFields(fields, here.asked);
      return;
    }
    toolsFor = now;
    const { asked } = here;
    const verdicts = [["", "any verdict"], ...Object.entries(VERDICTS).map(([key, [sign, word]]) => [key, `${sign} ${word}`])];
    fields = {
      text: searchField("search", asked.text || "", (text) => change({ text })),
      config: chooser("config", [["", "all configs"], ...configs.map((name) => [name, name])], asked.config || "", (config) => change({ config })),
      status: chooser("status", [["", "any status"], ...statuses.map((name) => [name, name])], asked.status || "", (status) => change({ status })),
      verdict: chooser("verdict", verdicts, asked.verdict || "", (verdict) => change({ verdict })),
    };
    tools.replaceChildren(...Object.values(fields));
  }

  function drawHead() {
    const { sort = "created", dir = "" } = here.asked;
    head.replaceChildren(
      make("th", { scope: "col", class: "c-pick" }, make("span", { class: "unseen" }, "compare")),
      ...COLUMNS.map((column) => {
        if (!column.value) return make("th", { scope: "col", class: `c-${column.key}` }, column.title);
        const sorted = column.key === sort;
        const falls = sorted ? dir !== "up" : false;
        const button = make("button", { type: "button" }, column.title);
        button.addEventListener("click", () => {
          const up = sorted ? falls : Boolean(column.rises);
          change({ sort: column.key, dir: up ? "up" : "" });
          head.querySelector(`.c-${column.key} button`)?.focus();
          announce(`sorted by ${column.title}, ${up ? "ascending" : "descending"}`);
        });
        return make("th", { scope: "col", class: `c-${column.key}`, "aria-sort": sorted ? (falls ? "descending" : "ascending") : "none" }, button);
      }),
    );
  }

  function matches(row) {
    const { text = "", config, status, verdict } = here.asked;
    const words = [row.run, row.config, row.scorer, row.optimizer, row.status, row.sweep, ...(row.tags || [])].join(" ").toLowerCase();
    return (
      text.toLowerCase().split(/\s+/).every((word) => words.includes(word)) &&
      (!config || row.config === config) && (!status || row.status === status) && (!verdict || row.verdict === verdict)
    );
  }

  function drawRow(row, picked, inside) {
    const source = JSON.stringify([row, picked.includes(row.run), inside]);
    const known = drawn.get(row.run);
    if (known?.source === source) return known.node;
    const fresh = make("tr", { class: inside ? "swept" : null, "data-run": row.run }, runCells(row, picked, pick, inside));
    drawn.set(row.run, { source, node: fresh });
    return fresh;
  }

  function drawGroup(name, rows, picked, open) {
    const shown = open.includes(name);
    const about = data.sweeps?.find((sweep) => sweep.name === name);
    const finished = about ? `${count(about.finished)} of ${count(about.cells)} cells finished` : plural(rows.length, "cell");
    const gains = rows.map((row) => row.gain?.mean).filter(Number.isFinite);
    const mean = gains.length ? `mean gain ${points(gains.reduce((a, b) => a + b, 0) / gains.length)}` : "";
    const button = make("button", { type: "button", class: "group", "data-sweep": name, "aria-expanded": String(shown) },
      make("span", { class: "twist", "aria-hidden": "true" }, shown ? "▾" : "▸"), " ", bdi(name, 80));
    button.addEventListener("click", () => {
      change({ open: writeList(shown ? open.filter((each) => each !== name) : [...open, name]) });
      [...body.querySelectorAll("button.group")].find((each) => each.dataset.sweep === name)?.focus();
    });
    const heading = make("tr", { class: "group" }, make("td", { class: "c-pick" }),
      make("th", { scope: "row", colspan: COLUMNS.length }, button, make("small", null, ` sweep · ${finished}${mean ? ` · ${mean}` : ""}`)));
    return [heading, ...(shown ? rows.map((row) => drawRow(row, picked, true)) : [])];
  }

  function drawRows() {
    const { sort = "created", dir = "" } = here.asked;
    const picked = readList(here.asked.pick);
    const open = readList(here.asked.open);
    const rows = sortRows(data.runs.filter(matches), sort, dir !== "up");
    const groups = new Map();
    for (const row of rows) {
      const key = row.sweep ? `s${row.sweep}` : `r${row.run}`;
      groups.set(key, [...(groups.get(key) || []), row]);
    }
    const nodes = [...groups].flatMap(([key, group]) =>
      key.startsWith("s") ? drawGroup(key.slice(1), group, picked, open) : group.map((row) => drawRow(row, picked, false)));
    const focused = document.activeElement;
    const kept = body.contains(focused) ? focused.closest("tr").dataset.run : undefined;
    // Nodes that stay where they are keep focus and selection.
    nodes.forEach((each, at) => {
      if (body.children[at] !== each) body.insertBefore(each, body.children[at] || null);
    });
    while (body.children.length > nodes.length) body.lastChild.remove();
    if (kept !== undefined && !body.contains(focused)) {
      const again = [...body.children].find((each) => each.dataset.run === kept);
      again?.querySelector(focused.tagName === "INPUT" ? "input" : "a.open").focus();
    }
    const running = rows.filter((row) => row.status === "running").length;
    const words = rows.length === data.runs.length ? plural(rows.length, "run") : `${count(rows.length)} of ${plural(data.runs.length, "run")}`;
    const told = data.runs.length ? `${words}${running ? `, ${count(running)} running` : ""}` : "No run yet: `opro optimize` starts one.";
    if (summary.textContent !== told) summary.textContent = told;
    left.replaceChildren(...(data.unread || []).map((why) => make("p", { class: "note" }, bdi(why, 400))));
    chosen.hidden = picked.length === 0;
    if (picked.length) {
      const prompts = writeList(picked.map((run) => `${run}@best`));
      chosen.replaceChildren(
        make("span", null, `${plural(picked.length, "run")} chosen`),
        picked.length > 1
          ? link({ view: "compare", asked: { prompts } }, { class: "button" }, "compare")
          : link({ view: "compare", asked: { prompts: writeList([`${picked[0]}@start`, `${picked[0]}@best`]) } }, { class: "button" }, "compare start with winner"),
        make("button", { type: "button", class: "quiet", on: { click: () => change({ pick: "" }) } }, "choose none"),
      );
    }
  }

  function draw() {
    drawTools();
    drawHead();
    drawRows();
  }

  async function drawTrend() {
    const config = here.asked.config;
    trend.hidden = !config;
    if (!config || frozen) return;
    try {
      const { points: all } = await get(apiPath("trend", { config }));
      if (here.asked.config === config) trend.replaceChildren(make("h2", null, bdi(config, 80), " over time"), trendChart(all));
    } catch (error) {
      trend.replaceChildren(problem(error));
    }
  }

  return {
    node,
    title: () => "Runs",
    async refresh(moved) {
      const fresh = await get("api/runs");
      if (fresh === data && !moved) return;
      data = fresh;
      draw();
      await drawTrend();
    },
    redraw() {
      if (!data) return false;
      draw();
      drawTrend();
      return true;
    },
    keys: {
      j: () => step(body.querySelectorAll("a.open, button.group"), 1),
      k: () => step(body.querySelectorAll("a.open, button.group"), -1),
      x: () => document.activeElement.closest("tr")?.querySelector("input")?.click(),
    },
  };
}

/** Move the focus within a list, from where it is. */
function step(nodes, by) {
  const list = [...nodes];
  if (!list.length) return;
  const row = document.activeElement.closest("tr");
  const at = list.findIndex((node) => node === document.activeElement || (row && row.contains(node)));
  const next = at < 0 ? (by > 0 ? 0 : list.length - 1) : Math.max(0, Math.min(list.length - 1, at + by));
  list[next].focus();
  list[next].scrollIntoView({ block: "nearest" });
}
