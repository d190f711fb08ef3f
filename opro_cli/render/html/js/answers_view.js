// The view of answers: filters and search over the grid, and the panel of the answer that is open.

/** The prompts shown as columns: named ones, the pair, all, or the best. */
function chooseColumns(prompts, wanted, split, also) {
  const scored = prompts.map((prompt) => {
    const own = prompt.scores?.[split];
    return { ...prompt, shown_score: own ? own.mean : null };
  });
  const pair = scored.filter((prompt) => prompt.is_start || prompt.is_best);
  if (wanted === "all") return scored;
  if (wanted === "pair" && pair.length) return pair;
  if (wanted && wanted !== "pair" && wanted !== "top") {
    const ids = readList(wanted);
    const named = ids.map((id) => scored.find((prompt) => prompt.id === id || shortName(prompt) === id));
    if (named.some(Boolean)) return named.filter(Boolean);
  }
  const first = (prompt) => (prompt.is_start ? 2 : prompt.is_best ? 1 : 0);
  const rest = scored.filter((prompt) => prompt.shown_score !== null || first(prompt));
  rest.sort((a, b) => first(b) - first(a) || (b.shown_score ?? -Infinity) - (a.shown_score ?? -Infinity));
  const best = rest.slice(0, TOP);
  const other = scored.find((prompt) => also && (prompt.id === also || shortName(prompt) === also));
  return other && !best.includes(other) ? [...best, other] : best;
}

/** The split to begin with: the least seen one that start prompt and winner have answers on. */
function chooseSplit(sizes, prompts) {
  const pair = prompts.filter((prompt) => prompt.is_start || prompt.is_best);
  const asked = pair.length ? pair : prompts;
  const order = ["test", "dev", "train"].filter((name) => sizes[name]);
  return order.find((name) => asked.every((prompt) => prompt.scores?.[name])) || order.at(-1) || "train";
}

const SEARCHED = 24; // prompts whose replies a search goes through

function answersView({ run }) {
  const tools = make("div", { class: "tools", role: "search" });
  const summary = make("p", { class: "note", role: "status" });
  const exports = make("span", { class: "exports" });
  const print = make("button", { type: "button", class: "quiet print", on: { click: printView } }, "print");
  const onPaper = make("p", { class: "note on-paper" });
  let open = (question, prompt) => change({ open: `${encodePart(prompt.id)},${question}` }, true);
  const grid = virtualGrid((question, prompt) => open(question, prompt));
  const panel = answerPanel(run, { close: shut, step: (by) => go(by, 0), across: (by) => go(0, by) });
  const empty = make("p", { class: "note", hidden: true }, "No question is left by these filters.");
  const keyWords = Object.entries(JUDGED).map(([sign, [glyph, word]]) =>
    make("li", null, make("span", { class: `cell ${sign === "." ? "n" : sign}`, "aria-hidden": "true" }, glyph), ` ${word}`));
  keyWords.push(make("li", null, make("span", { class: "cell w cut", "aria-hidden": "true" }, "✗"), " underlined: cut at its limit"));
  const node = make("div", { class: "view-answers" },
    make("h1", { class: "unseen" }, "Answers of ", bdi(run, 200)), runTabs(run, "answers"), tools,
    make("div", { class: "note row-note" }, summary, exports, print),
    onPaper,
    make("div", { class: "split-view" }, make("div", { class: "grid-side" }, grid.node, empty,
      make("ul", { class: "key-words", "aria-label": "signs" }, keyWords)), panel.node));
  let data = null;
  let loaded = null; // the grid of `split`
  let split = "";
  let begun = ""; // the split of an address that names none; it stays while a run goes on
  let shownFor = "";
  let found = null;
  let shownFound = null;
  let foundFor = "";
  let toolsFor = "";
  let fields = {};
  let waiting = new Set();

  function shut() {
    change({ open: "" });
    grid.node.focus();
  }

  function go(down, across) {
    if (!grid.at) return;
    grid.move(down, across);
    if (here.asked.open) change({ open: `${encodePart(grid.at.prompt.id)},${grid.at.question}` });
  }

  /** Fetch the texts of questions on screen, in stretches, a few at a time. */
  async function load(numbers) {
    const size = loaded.size;
    const stretches = [...new Set(numbers.map((number) => Math.floor(number / AT_ONCE)))].filter((each) => !waiting.has(each)).slice(0, 6);
    const wanted = split;
    await Promise.all(stretches.map(async (each) => {
      const mine = waiting;
      mine.add(each);
      try {
        const path = apiPath("questions", { run, split: wanted, from: each * AT_ONCE, to: Math.min(size, (each + 1) * AT_ONCE) });
        const { questions } = await get(path);
        if (split === wanted) for (const question of questions) grid.texts.set(question.question, question);
      } catch {
        return; // the number stands there without its text
      } finally {
        setTimeout(() => mine.delete(each), 1000);
      }
      if (split === wanted) grid.write();
    }));
  }

  function drawTools() {
    const now = JSON.stringify([data.splits, data.prompts.map((prompt) => prompt.id), here.asked.under, here.asked.flip, split, here.asked.prompts]);
    const { asked } = here;
    const wanted = asked.prompts || "top";
    const [before, after] = readList(asked.flip);
    const values = { ...asked, split, prompts: wanted, only: asked.flip ? "flipped" : asked.only, before, after };
    if (now === toolsFor) {
      syncFields(fields, values);
      return;
    }
    const focused = document.activeElement?.closest?.(".field")?.firstChild?.textContent;
    toolsFor = now;
    const names = (list) => list.map((prompt) => [prompt.id, `${prompt.is_best ? "★ " : prompt.is_start ? "■ " : ""}${shortName(prompt)}`]);
    const splits = Object.entries(data.splits).filter(([, size]) => size).map(([name, size]) => [name, `${name} (${count(size)})`]);
    const sets = [["top", "the best"], ["pair", "start and winner"], ["all", `all ${count(data.prompts.length)}`]];
    if (!sets.some(([key]) => key === wanted)) sets.push([wanted, "chosen ones"]);
    const start = data.prompts.find((prompt) => prompt.is_start);
    const best = data.prompts.find((prompt) => prompt.is_best);
    fields = {
      split: chooser("split", splits, split, (name) => change({ split: name, open: "" })),
      prompts: chooser("prompts", sets, wanted, (prompts) => change({ prompts, open: "" })),
      only: chooser("show", [["", "all answers"], ...Object.entries(ONLY).map(([key, [word]]) => [key, `only ${word}`]), ["flipped", "only flipped"]],
        values.only || "", (only) => {
          const pair = only === "flipped" && start && best ? writeList([start.id, best.id]) : "";
          change({ only: only === "flipped" ? "" : only, flip: pair });
        }),
      ...(asked.flip ? {
        before: chooser("from", names(data.prompts), before, (id) => change({ flip: writeList([id, after]) })),
        after: chooser("to", names(data.prompts), after, (id) => change({ flip: writeList([before, id]) })),
      } : {
        under: chooser("under", [["", "any prompt shown"], ...names(grid.columns.length ? grid.columns : data.prompts)], asked.under || "", (under) => change({ under })),
      }),
      order: chooser("order", [["", "as in the data"], ["hard", "hardest first"]], asked.order || "", (order) => change({ order })),
      text: searchField("search", asked.text || "", (text) => change({ text })),
    };
    tools.replaceChildren(...Object.values(fields));
    const again = [...tools.querySelectorAll(".field")].find((each) => each.firstChild.textContent === focused);
    again?.lastChild.focus();
  }

  async function search(columns) {
    const { text } = here.asked;
    const now = JSON.stringify([text || "", split, text ? columns.map((prompt) => prompt.id) : 0]);
    if (now === foundFor) return;
    foundFor = now;
    if (!text) {
      found = null;
      return;
    }
    const prompts = writeList(columns.slice(0, SEARCHED).map((prompt) => prompt.id));
    try {
      const { questions } = await get(apiPath("search", { run, split, text, prompts }));
      if (foundFor === now) found = new Set(questions);
    } catch (error) {
      if (foundFor === now) foundFor = ""; // it is asked for again
      throw error;
    }
  }

  function fill(columns) {
    const { only, under, flip, order } = here.asked;
    const pair = flip ? readList(flip) : null;
    const rows = selectQuestions(loaded, columns.map((prompt) => prompt.id), { only, under, flip: pair, found, order });
    grid.fill({ grid: { ...loaded, scale: data.scale }, rows, columns, load });
    const all = rows.length === loaded.size;
    const words = `${all ? plural(rows.length, "question") : `${count(rows.length)} of ${plural(loaded.size, "question")}`} × ${plural(columns.length, "prompt")}`
      + (here.asked.text && columns.length > SEARCHED ? `; replies searched under the first ${SEARCHED}` : "");
    if (summary.textContent !== words) summary.textContent = words;
    empty.hidden = rows.length > 0;
    drawExports(rows, columns);
    if (frozen) exports.replaceChildren(frozen.answers[run]?.note || "");
  }

  function drawExports(rows, columns) {
    if (frozen) return;
    const asked = { run, split, prompts: writeList(columns.map((prompt) => prompt.id)) };
    const some = rows.length === loaded.size ? {} : { questions: rows.join(",") };
    exports.replaceChildren(...["csv", "jsonl"].map((format) =>
      make("a", { href: apiPath("export", { ...asked, ...some, format }), download: "" }, format.toUpperCase())));
  }

  /** What the grid is drawn for. */
  function keyOf(columns) {
    const { open: _, ...filters } = here.asked;
    return JSON.stringify([filters, split, columns]);
  }

  async function showOpen() {
    const [id, question] = readList(here.asked.open);
    const prompt = grid.columns.find((each) => each.id === id || shortName(each) === id)
      || data.prompts.find((each) => each.id === id || shortName(each) === id);
    node.classList.toggle("with-answer", Boolean(prompt));
    if (!prompt) {
      panel.hide();
      return;
    }
    const seen = grid.select(Number(question), prompt.id);
    const sign = loaded.prompts[prompt.id]?.[Number(question)] || ".";
    await panel.show(split, Number(question), prompt, seen ? grid.at : null, sign);
  }

  return {
    node,
    title: () => `Answers · ${run}`,
    print(on) {
      if (!loaded) return;
      const rows = Number(grid.node.getAttribute("aria-rowcount")) - 1;
      const printed = [[rows, ON_PAPER.rows, loaded.size], [grid.columns.length, ON_PAPER.columns, data.prompts.length]]
        .map(([shown, most, all]) => `${count(Math.min(shown, most))} of ${count(all)}`);
      const missing = grid.missing.length;
      const texts = `the texts of ${plural(missing, "question")}`;
      const late = !missing ? "" : frozen ? `; ${texts} were left out of this page`
        : `; ${texts} had not come: “print” on the page waits for them`;
      onPaper.textContent = `On paper: ${split}, ${printed[0]} questions under ${printed[1]} prompts${late}.`;
      grid.print(on);
    },
    /** Fetch the texts of all questions that paper has room for. */
    async prepare() {
      for (let missing = loaded ? grid.missing : []; missing.length; ) {
        await load(missing);
        const rest = grid.missing;
        if (rest.length === missing.length) return; // they do not come
        missing = rest;
      }
    },
    /** Follow a change of what is open, for which nothing has to be asked. */
    redraw() {
      const ids = grid.columns.map((prompt) => prompt.id);
      const [id] = readList(here.asked.open);
      if (!loaded || keyOf(ids) !== shownFor || found !== shownFound || (id && !ids.includes(id))) return false;
      showOpen();
      return true;
    },
    async refresh(moved) {
      const fresh = await get(apiPath("run", { name: run }));
      const stale = fresh !== data;
      data = fresh;
      const sizes = data.splits;
      const wanted = sizes[here.asked.split] ? here.asked.split : (begun ||= chooseSplit(sizes, data.prompts));
      if (wanted !== split) {
        split = wanted;
        grid.texts.clear();
        waiting = new Set();
      }
      const next = await get(apiPath("grid", { run, split }));
      // A frozen page has the answers of some prompts only.
      const there = frozen ? data.prompts.filter((prompt) => next.prompts[prompt.id]) : data.prompts;
      const columns = chooseColumns(there, here.asked.prompts, split, readList(here.asked.open)[0]);
      await search(columns);
      const now = keyOf(columns.map((prompt) => prompt.id));
      if (stale || next !== loaded || now !== shownFor || found !== shownFound) {
        shownFound = found;
        loaded = next;
        shownFor = now;
        fill(columns);
      }
      drawTools();
      if (frozen) this.prepare(); // all is here, for whoever prints by the menu of the browser
      if (moved || stale) {
        const was = panel.node.hidden;
        await showOpen();
        if (was && !panel.node.hidden && matchMedia("(max-width: 64rem)").matches) panel.heading.focus();
      }
    },
    keys: {
      j: () => go(1, 0),
      k: () => go(-1, 0),
      h: () => go(0, -1),
      l: () => go(0, 1),
      Enter: () => grid.at && open(grid.at.question, grid.at.prompt),
      Escape: () => here.asked.open && shut(),
      "/": () => tools.querySelector("input").focus(),
    },
  };
}
