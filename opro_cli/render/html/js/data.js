// Where the figures come from: a server that answers with an ETag, or this page itself.

const frozenText = byId("frozen");
const frozen = frozenText ? JSON.parse(frozenText.textContent) : null;

/** An address in api/: `apiPath("run", { name: "a" })`; a list is a parameter for each of its items. */
function apiPath(name, parameters) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters || {})) {
    for (const each of Array.isArray(value) ? value : [value]) query.append(key, each);
  }
  return query.size === 0 ? `api/${name}` : `api/${name}?${query}`;
}

class NoAnswer extends Error {
  constructor(message, hint, status = 0) {
    super(message);
    this.status = status; // 0: nobody answered
    this.hint = hint || "";
  }
}

const KEPT = 300; // answers of the server held here
const held = new Map();

/** The value at an address of api/; the very same object while nothing has changed. */
async function get(path) {
  if (frozen) return getFrozen(path);
  const known = held.get(path);
  let reply;
  try {
    reply = await fetch(path, known ? { headers: { "If-None-Match": known.tag } } : {});
  } catch {
    throw new NoAnswer("opro view does not answer", "start it again, and open the address it prints");
  }
  if (reply.status === 304 && known) {
    held.delete(path);
    held.set(path, known);
    return known.value;
  }
  let value;
  try {
    value = await reply.json();
  } catch {
    throw new NoAnswer(`no data at ${path} (${reply.status})`, "start opro view again");
  }
  if (!reply.ok) throw new NoAnswer(value.error || `status ${reply.status}`, value.hint, reply.status);
  const tag = reply.headers.get("ETag");
  held.delete(path);
  if (tag) held.set(path, { tag, value });
  if (held.size > KEPT) held.delete(held.keys().next().value);
  return value;
}

/** What `opro report` has put into the page: api paths, and answers by run, split, prompt, question. */
async function getFrozen(path) {
  const [name, query] = path.slice(4).split("?");
  const asked = new URLSearchParams(query);
  if (path in frozen) return frozen[path];
  const run = frozen.answers?.[asked.get("run")]?.[asked.get("split")];
  if (name === "run") return frozen.runs[asked.get("name")];
  if (!run) throw new NoAnswer("this page does not hold that", "opro view shows all of a run");
  if (name === "grid") return run.grid;
  if (name === "questions") {
    const questions = [];
    for (let at = Number(asked.get("from")); at < Number(asked.get("to")); at++) {
      if (run.questions[at]) questions.push({ question: at, ...run.questions[at] });
    }
    return { questions };
  }
  if (name === "search") return searchFrozen(run, asked);
  const answer = run.answers[asked.get("prompt")]?.[asked.get("question")];
  if (name !== "answer" || !answer) {
    throw new NoAnswer(
      "this answer was left out, so that the page can be sent",
      "opro view shows every answer of the run",
    );
  }
  const question = Number(asked.get("question"));
  return { ...answer, question, ...run.questions[question], split: asked.get("split") };
}

function searchFrozen(run, asked) {
  const wanted = asked.get("text").toLowerCase();
  const holds = (text) => String(text ?? "").toLowerCase().includes(wanted);
  const prompts = (asked.get("prompts") || "").split(",").map(decodeURIComponent);
  const found = Object.keys(run.questions).filter((at) => {
    const { input, target } = run.questions[at];
    const replies = prompts.flatMap((id) => run.answers[id]?.[at]?.replies || []);
    return holds(input) || holds(target) || replies.some(holds);
  });
  return { questions: found.map(Number) };
}
