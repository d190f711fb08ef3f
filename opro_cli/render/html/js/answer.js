// One answer in full: question, gold, what was read and where, and the whole exchange.

function field(name, ...content) {
  return [make("dt", null, name), make("dd", null, ...content)];
}

const SIGNS = { right: "r", "partly right": "p", wrong: "w", unreadable: "u", refused: "x", valued: "v" };

function judgement(answer) {
  const sign = SIGNS[answer.judgement] || "v";
  const known = answer.score !== null && answer.score !== undefined;
  const score = !known ? "" : sign === "p" ? ` ${percent(answer.score)}` : sign === "v" ? ` ${Number(answer.score.toPrecision(6))}` : "";
  return make("span", { class: `judged ${sign}` }, `${JUDGED[sign][0]} ${answer.judgement === "valued" ? "value" : answer.judgement}${score}`);
}

function exchange(answer) {
  const sent = (answer.messages || []).map((message) =>
    make("li", null, make("b", { class: "role" }, brief(message.role, 40)), longText(message.content, null, "the message")));
  const last = (answer.replies || []).length - 1;
  const replies = (answer.replies || []).map((reply, at) =>
    make("li", { class: "reply" },
      make("b", { class: "role" }, last ? `reply ${at + 1} of ${last + 1}` : "reply"),
      longText(reply, at === last ? answer.read_from : null, "the reply")));
  const rounds = replies.length ? replies : [make("li", { class: "none" }, "no reply")];
  return [
    make("h3", null, "The reply"),
    make("ol", { class: "exchange" }, rounds),
    sent.length ? [make("h3", null, "As sent"), make("ol", { class: "exchange" }, sent)] : null,
  ];
}

function answerNodes(answer, prompt) {
  const figures = [
    answer.finish_reason ? `ended: ${brief(answer.finish_reason, 40)}` : "",
    answer.cut ? "cut at its limit" : "",
    answer.tokens_in !== null && answer.tokens_in !== undefined ? `${count(answer.tokens_in)} tokens in` : "",
    answer.tokens_out !== null && answer.tokens_out !== undefined ? `${count(answer.tokens_out)} out` : "",
    answer.seconds !== null && answer.seconds !== undefined ? `${answer.seconds.toFixed(2)} s` : "",
    answer.cached ? "from the cache" : "",
  ].filter(Boolean);
  const none = answer.answer === null || answer.answer === undefined;
  return [
    make("p", { class: "verdict-line" }, judgement(answer), answer.cut ? make("span", { class: "tag" }, "cut") : null),
    make("h3", null, "Question"),
    longText(answer.input, null, "the question"),
    make("dl", null,
      field("gold", longText(answer.target, null, "the gold answer")),
      field("read", none ? make("i", null, "no answer read") : longText(answer.answer, null, "the answer")),
      answer.feedback ? field("feedback", longText(answer.feedback, null, "the feedback")) : null),
    exchange(answer),
    make("p", { class: "note figures-line" }, figures.join(" · ")),
    make("details", null, make("summary", null, `prompt ${shortName(prompt)}`), longText(prompt.text, null, "the prompt")),
  ];
}

/** The panel beside the grid. */
function answerPanel(run, { close, step: stepBy, across }) {
  const heading = make("h2", { tabindex: "-1", id: "answer-title" });
  const content = make("div", { class: "answer-content" });
  const where = make("span", { class: "soft" });
  const tool = (label, name, click, kind = null) => {
    const button = make("button", { type: "button", class: kind, "aria-label": name, title: name }, label);
    button.addEventListener("click", click);
    return button;
  };
  let command = "";
  const node = make("aside", { class: "answer", "aria-labelledby": "answer-title", hidden: true },
    make("header", null, heading,
      make("div", { class: "buttons" },
        tool("↑", "previous question (k)", () => stepBy(-1)), tool("↓", "next question (j)", () => stepBy(1)),
        tool("←", "previous prompt (h)", () => across(-1)), tool("→", "next prompt (l)", () => across(1)),
        copyButton("copy link", () => location.href),
        copyButton("copy command", () => command),
        tool("✕", "close (Esc)", close, "close")),
      where),
    content);
  let asked = "";
  return {
    node,
    heading,
    hide() {
      node.hidden = true;
      asked = "";
    },
    async show(split, question, prompt, at, sign) {
      const key = JSON.stringify([split, question, prompt.id]);
      node.hidden = false;
      heading.textContent = `${split} question ${question}, prompt ${shortName(prompt)}`;
      where.textContent = at ? `${count(at.place + 1)} of ${count(at.of)} shown` : "";
      command = `opro show ${quote(`${run}@${shortName(prompt)}`)} --answers --split ${split}`;
      if (asked === key) return;
      asked = key;
      content.setAttribute("aria-busy", "true");
      let nodes;
      if (sign === ".") {
        content.removeAttribute("aria-busy");
        content.replaceChildren(make("p", { class: "note" }, "This question was not asked under this prompt."));
        return;
      }
      try {
        nodes = answerNodes(await get(apiPath("answer", { run, split, question, prompt: prompt.id })), prompt);
      } catch (error) {
        nodes = [problem(error)];
      }
      if (asked !== key) return; // somebody has gone on meanwhile
      content.removeAttribute("aria-busy");
      content.replaceChildren(...nodes.flat(3).filter(Boolean));
      node.scrollTop = 0;
      announce(`${heading.textContent}: ${content.querySelector(".judged")?.textContent || "not there"}`);
    },
  };
}
