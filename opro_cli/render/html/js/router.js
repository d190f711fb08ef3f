// Addresses: every state of the page has one, behind the #.
//
//   #/  ·  #/run/NAME  ·  #/run/NAME/answers?split=test&only=wrong&open=ID,12  ·  #/compare?prompts=A,B

function decodePart(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

// Half a surrogate pair can be in no address.
const encodePart = (text) => encodeURIComponent(text.replace(/\p{Cs}/gu, "\ufffd"));

/** The view and its parameters that an address names; null for an anchor within a report. */
function readAddress(hash) {
  if (hash !== "" && hash !== "#" && !hash.startsWith("#/")) return null;
  const [path, query] = hash.slice(2).split(/\?(.*)/s);
  const parts = path.split("/").map(decodePart);
  const asked = Object.fromEntries(new URLSearchParams(query || ""));
  if (parts[0] === "run" && parts[1]) {
    // A cell of a sweep is SWEEP/CELL, whether its slash is written out or not.
    const answers = parts.length > 2 && parts.at(-1) === "answers";
    const run = parts.slice(1, answers ? -1 : undefined).join("/");
    return { view: answers ? "answers" : "run", run, asked };
  }
  if (parts[0] === "compare") return { view: "compare", run: "", asked };
  return { view: frozen ? "report" : "runs", run: "", asked };
}

function writeAddress({ view, run, asked }) {
  const path = { runs: "", report: "", compare: "compare" }[view] ?? `run/${encodePart(run)}`;
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(asked || {})) {
    if (value !== "" && value !== null && value !== undefined) query.set(key, value);
  }
  const words = query.toString().replaceAll("%2C", ",").replaceAll("%40", "@");
  return `#/${path}${view === "answers" ? "/answers" : ""}${words ? `?${words}` : ""}`;
}

// Lists in an address: "A@best,B@best"; a comma within an item is written %2C.
const readList = (text) => (text ? text.split(",").map(decodePart) : []);
const writeList = (items) => items.map((item) => item.replace(/[%,]/g, encodePart)).join(",");

let here = null;

/** Change parameters of the present view; `push` makes it a step that Back undoes. */
function change(asked, push = false) {
  const address = writeAddress({ ...here, asked: { ...here.asked, ...asked } });
  if (address === location.hash) return;
  history[push ? "pushState" : "replaceState"](null, "", address);
  route();
}

const link = (target, attributes, ...children) =>
  make("a", { ...attributes, href: writeAddress(target) }, ...children);
