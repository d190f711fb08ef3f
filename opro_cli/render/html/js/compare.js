// Prompts side by side: their words, what flipped, what was taken for what, and what they cost.

function diffNodes(pieces) {
  return pieces.map((piece) => {
    const [kind, text] = Array.isArray(piece) ? piece : [piece.kind, piece.text];
    const name = { removed: "del", added: "ins" }[kind];
    return name ? make(name, null, visible(text, true)) : visible(text, true);
  });
}

/** A row for each gold answer; the last two columns count other answers and none at all. */
function confusionTable(matrix, caption) {
  const labels = [...matrix.labels, "another answer", "no answer"];
  const used = labels.map((_, at) => at < matrix.labels.length || matrix.rows.some((row) => row[at]));
  const only = (list) => list.filter((_, at) => used[at]);
  const cell = (number, right) => number
    ? make("td", { class: right ? "right" : null }, `${count(number)}${right ? " ✓" : ""}`)
    : make("td", { class: "none" }, "·");
  return make("div", { class: "wide", role: "region", tabindex: "0", "aria-label": caption },
    make("table", null, make("caption", { class: "unseen" }, caption),
      make("thead", null, make("tr", null, ["expected", ...only(labels)].map((title) => make("th", { scope: "col" }, bdi(title, 40))))),
      make("tbody", null, matrix.rows.map((row, gold) => make("tr", null, make("th", { scope: "row" }, bdi(matrix.labels[gold], 40)),
        only(row.map((number, at) => cell(number, at === gold))))))));
}

const exampleParts = ([question, answer]) => [bdi(question, 200), " → ", bdi(answer, 80)];

/** Worked examples of two prompts: those of the first alone, of both, and of the second alone. */
function exampleDiff(before, after) {
  const keys = [before, after].map((list) => new Set(list.map((each) => JSON.stringify(each))));
  const has = (at, each) => keys[at].has(JSON.stringify(each));
  const rows = [
    ...before.map((each) => make("li", null, has(1, each) ? ["= ", ...exampleParts(each)] : make("del", null, "− ", ...exampleParts(each)))),
    ...after.filter((each) => !has(0, each)).map((each) => make("li", null, make("ins", null, "+ ", ...exampleParts(each)))),
  ];
  return rows.length ? [make("h3", null, "Worked examples"), make("ul", { class: "examples" }, rows)] : null;
}

function splitName(name) {
  const at = name.lastIndexOf("@");
  return at < 0 ? [name, "best"] : [name.slice(0, at), name.slice(at + 1)];
}

function compareView() {
  const content = make("div", { class: "compared" });
  const node = make("div", { class: "view-compare" }, make("h1", null, "Compare"), content);
  let last = [];

  function card(name, prompt, cost, split, at) {
    const [run, place] = splitName(name);
    const scores = Object.entries(prompt.scores || {}).filter(([, score]) => score).map(([split, score]) => [
      make("dt", null, split),
      make("dd", null, make("b", null, scoreText(score.mean, prompt.scale)), " ", make("small", null, `${boundsText(score.interval, prompt.scale)} ${score.correct ?? ""}${score.correct === undefined ? "" : "/"}${score.n ?? ""}`)),
    ]);
    return make("figure", { class: `prompt ${at ? "best" : "start"}` },
      make("figcaption", null, link({ view: "run", run }, null, bdi(run, 80)), ` @ ${brief(place, 20)}`),
      make("blockquote", null, longText(prompt.text, null, "the prompt")),
      prompt.form_words ? make("p", { class: "note form" }, `beside the text: ${brief(prompt.form_words, 200)}`) : null,
      prompt.examples?.length ? make("details", null, make("summary", null, plural(prompt.examples.length, "worked example")),
        make("ol", { class: "examples" }, prompt.examples.map((each) => make("li", null, ...exampleParts(each))))) : null,
      make("dl", { class: "scores" }, scores),
      cost ? make("p", { class: "note" }, `per answer on ${split || "all splits"}: ${count(cost.tokens_in)} tokens in, ${count(cost.tokens_out)} out, ${money(cost.usd)}`) : null,
      make("div", { class: "links" }, promptButtons(prompt), copyButton("copy command", `opro prompt ${quote(`${run}@${place}`)}`)));
  }

  function flipList(title, sign, numbers, run, split, ids) {
    const shown = numbers.slice(0, 30).map((number) => make("li", null,
      link({ view: "answers", run, asked: { split, prompts: writeList(ids), open: `${encodePart(ids.at(-1))},${number}` } }, null, make("span", { class: "unseen" }, `${split} question `), String(number))));
    return make("div", { class: "flip-list" }, make("h3", null, `${sign} ${count(numbers.length)} ${title}`),
      numbers.length ? make("ul", { class: "numbers" }, shown, numbers.length > 30 ? make("li", { class: "soft" }, `and ${count(numbers.length - 30)} more`) : null) : null);
  }

  function pairNodes(names, pair, first) {
    const [before, after] = pair.prompts;
    const [left, right] = names.map((name) => splitName(name));
    const same = left[0] === right[0];
    const split = pair.split;
    const ids = [before?.id, after?.id];
    const flips = pair.flips;
    const matrices = (pair.confusion || []).map((matrix, at) => [names[at], matrix]).filter(([, matrix]) => matrix);
    const title = make("h2", null, first ? "What changed" : ["Against ", bdi(names[1], 80)]);
    return make("section", null, title,
      pair.text ? make("p", { class: "sentence" }, visible(pair.text)) : null,
      (pair.caveats || []).map((why) => make("p", { class: "note" }, "⚠ ", bdi(why, 300))),
      make("div", { class: "diff text", role: "group", "aria-label": "words removed and added" }, diffNodes(pair.diff || [])),
      exampleDiff(before?.examples || [], after?.examples || []),
      (before?.form_words || "") !== (after?.form_words || "")
        ? make("p", { class: "note" }, `Beside their texts: ${brief(before?.form_words || "nothing", 200)} / ${brief(after?.form_words || "nothing", 200)}.`) : null,
      flips ? make("div", { class: "flips" },
        flipList("gained", "▲", (flips.other || flips).gained || [], right[0], split, same ? ids : [ids[1]]),
        flipList("lost", "▼", (flips.other || flips).lost || [], right[0], split, same ? ids : [ids[1]]),
        same ? make("p", { class: "all-flips" }, link({ view: "answers", run: left[0], asked: { split, prompts: writeList(ids), flip: writeList(ids) } }, null, "all flipped answers, side by side")) : null) : null,
      matrices.length ? [make("h3", null, "What was taken for what"),
        make("div", { class: "prompts" }, matrices.map(([name, matrix]) => make("div", null,
          make("h4", null, bdi(name, 80), make("small", null, ` on ${matrix.split}`)),
          confusionTable(matrix, `gold answers by answers read, ${visible(name)}`))))] : null);
  }

  return {
    node,
    title: () => "Compare",
    async refresh() {
      const names = readList(here.asked.prompts);
      if (names.length < 2) {
        content.replaceChildren(make("p", { class: "note" }, "Choose two runs or more in ", link({ view: "runs" }, null, "the list of runs"), "."));
        return;
      }
      const pairs = await Promise.all(names.slice(1).map((other) => get(apiPath("compare", { prompts: [names[0], other] }))));
      if (pairs.length === last.length && pairs.every((pair, at) => pair === last[at])) return;
      last = pairs;
      const cards = names.map((name, at) => {
        const [pair, side] = at ? [pairs[at - 1], 1] : [pairs[0], 0];
        return pair.prompts[side] ? card(name, pair.prompts[side], pair.cost?.[side], pair.split, at) : make("p", { class: "note" }, bdi(name), ": no prompt with a score yet");
      });
      const sections = pairs.map((pair, at) => pairNodes([names[0], names[at + 1]], pair, pairs.length === 1));
      content.replaceChildren(make("div", { class: "prompts" }, cards), ...sections);
    },
    keys: {},
  };
}
