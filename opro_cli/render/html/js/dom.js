"use strict";
// Elements and texts. What models and data say enters the page here, as text and never as markup.

// The namespace of SVG, from the parser, which spares the page an address.
const SVG = new DOMParser().parseFromString("<svg></svg>", "text/html").querySelector("svg")
  .namespaceURI;

const byId = (id) => document.getElementById(id);

/** Make an element: `make("a", { href: "#/" }, "text", node)`. Null and false are left out. */
function make(name, attributes, ...children) {
  const drawn = name.startsWith("svg:");
  const node = drawn
    ? document.createElementNS(SVG, name.slice(4))
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") {
      for (const [kind, handle] of Object.entries(value)) node.addEventListener(kind, handle);
    } else {
      node.setAttribute(key, value === true ? "" : value);
    }
  }
  node.append(...children.flat(4).filter((child) => child !== null && child !== false));
  return node;
}

const MARKS = 4; // stacked on one letter before the rest is written out, as in the report
const GLYPHS = { "\t": "⇥", "\r": "␍" };
const PLAIN = /^[\x20-\x7e\n]*$/;
const ODD =
  /[\p{C}\p{Zl}\p{Zp}\p{Zs}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]|[\p{Mn}\p{Me}][\p{Mn}\p{Me}\u200c\u200d]*/gu;
// As in render/safe.py: letters of scripts that are spelled with joiners, and pictures.
const SPELLED =
  /^[\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff\u1800-\u18af\ufb50-\ufdff\ufe70-\ufefc]/;
const PICTURE = /^[\ufe0e\ufe0f]|^(?![\0-\u2100])[\p{So}\p{Sk}]/u;

function escapeCharacter(character) {
  const code = character.codePointAt(0);
  const digits = code.toString(16);
  if (code <= 0xff) return "\\x" + digits.padStart(2, "0");
  return code <= 0xffff ? "\\u" + digits.padStart(4, "0") : "\\U" + digits.padStart(8, "0");
}

/** Whether the joiner at `at` spells a word or joins two pictures; elsewhere it hides. */
function isSpelling(source, at) {
  const before = Array.from(source.slice(Math.max(0, at - 2), at)).pop() ?? "";
  const after = Array.from(source.slice(at + 1, at + 3))[0] ?? "";
  if (SPELLED.test(before) && SPELLED.test(after)) return !/\p{C}/u.test(before + after);
  return source[at] === "\u200d" && PICTURE.test(before) && PICTURE.test(after);
}

/** Write out the marks on a letter that are too many, and joiners among them that hide. */
function showMarks(source, found, at) {
  let stacked = at === 0 ? MARKS : 0; // a mark at the start has no base to sit on
  let shown = "";
  for (const mark of found) {
    const joins = mark === "\u200c" || mark === "\u200d";
    if (joins && (stacked >= MARKS || !isSpelling(source, at))) {
      shown += escapeCharacter(mark);
      stacked = 0;
    } else {
      shown += stacked < MARKS ? mark : escapeCharacter(mark);
      stacked += joins ? 0 : 1;
    }
    at += mark.length;
  }
  return shown;
}

/** Write out invisible characters: "\x1b", "\u202e". Line ends stay in a text of `lines`. */
function visible(text, lines = false) {
  const source = String(text ?? "").replaceAll("\r\n", "\n");
  if (PLAIN.test(source) && (lines || !source.includes("\n"))) return source;
  return source.replace(ODD, (found, at) => {
    if (found === "\n") return lines ? "\n" : "⏎";
    if (/^\p{Zs}$/u.test(found)) return " ";
    if (/^[\p{Mn}\p{Me}]/u.test(found) && found !== "\u034f") return showMarks(source, found, at);
    if ((found === "\u200c" || found === "\u200d") && isSpelling(source, at)) return found;
    return GLYPHS[found] || escapeCharacter(found);
  });
}

/** The first `limit` characters of a text on one line. */
function brief(text, limit) {
  const letters = Array.from(String(text ?? "").slice(0, 2 * limit + 2));
  const more = letters.length > limit || String(text ?? "").length > 2 * limit + 2;
  const shown = letters.slice(0, limit).join("");
  return more ? visible(shown.replace(/[\u200c\u200d]+$/, "")) + "…" : visible(shown);
}

/** Text of unknown origin, which cannot reverse what stands beside it. */
const bdi = (text, limit = 300) => make("bdi", null, brief(text, limit));

const LONGEST = 20000; // characters of a text shown at once

/**
 * A text with its line ends; `mark` is a stretch [start, end] in characters to be marked. A long one
 * is shown around its beginning and its mark, with a button for all of it.
 */
function longText(text, mark = null, name = "the text") {
  const letters = Array.from(String(text ?? ""));
  const box = make("div", { class: "text", dir: "auto" });
  function fill(shown) {
    const parts = [];
    let at = 0;
    const [from, to] = mark || [-1, -1];
    for (const [start, end] of shown) {
      if (start > at) parts.push(make("i", { class: "gap" }, ` … ${count(start - at)} characters … `));
      const cuts = [start, from, to, end].map((cut) => Math.min(end, Math.max(start, cut)));
      parts.push(visible(letters.slice(cuts[0], cuts[1]).join(""), true));
      if (cuts[2] > cuts[1]) {
        parts.push(make("mark", null, visible(letters.slice(cuts[1], cuts[2]).join(""), true)));
      }
      parts.push(visible(letters.slice(cuts[2], cuts[3]).join(""), true));
      at = end;
    }
    if (at < letters.length) {
      parts.push(make("i", { class: "gap" }, ` … ${count(letters.length - at)} more characters`));
    }
    box.replaceChildren(...parts);
  }
  if (letters.length <= LONGEST) {
    fill([[0, letters.length]]);
    return letters.length ? box : make("p", { class: "none" }, "(empty)");
  }
  const head = LONGEST / 2;
  const around = mark && mark[1] > head ? Math.max(head, mark[0] - head / 2) : head;
  fill(around > head ? [[0, head], [around, Math.min(letters.length, around + head)]] : [[0, LONGEST]]);
  const all = make("button", { type: "button", class: "quiet" }, `show all ${count(letters.length)} characters of ${name}`);
  all.addEventListener("click", () => {
    fill([[0, letters.length]]);
    all.remove();
  });
  return make("div", null, box, all);
}

const count = (number) => (number ?? null) === null ? "–" : Math.round(number).toLocaleString("en-US");
const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** Whether scores of a scale are shares of right answers; only other scales are named at all. */
const areShares = (scale) => !scale || (scale.bounded && !scale.minimise);

/** A score as the report writes it: a share as percent, any other value as a number. */
function scoreText(mean, scale) {
  if (mean === null || mean === undefined || !Number.isFinite(mean)) return "–";
  return areShares(scale) ? percent(mean) : String(Number(mean.toPrecision(6)));
}

/** The ends of an interval, "[47.0–75.8]"; "" where nothing is known of the spread. */
function boundsText(interval, scale) {
  if (!interval || !areShares(scale)) return "";
  return `[${interval.map((end) => (100 * end).toFixed(1)).join("–")}]`;
}

function points(share) {
  const value = (100 * share).toFixed(1);
  return share >= 0 ? `+${value}` : value.replace("-", "−");
}

function money(usd) {
  if (usd === null || usd === undefined) return "unknown";
  if (usd === 0) return "$0";
  return usd < 0.01 ? `$${usd.toPrecision(2)}` : `$${usd.toFixed(2)}`;
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours) return `${count(hours)} h ${String(minutes).padStart(2, "0")} min`;
  return minutes ? `${minutes} min ${String(whole % 60).padStart(2, "0")} s` : `${whole} s`;
}

/** "2026-11-23 10:00" in the reader's own time zone. */
function when(iso) {
  const date = new Date(iso || "");
  if (Number.isNaN(date.getTime())) return brief(iso || "–", 40);
  const two = (number) => String(number).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

const plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

/** Tell a screen reader what has changed. */
function announce(text) {
  byId("said").textContent = text;
}

async function copy(text, button) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Where there is no clipboard, as in some browsers for a page from a file.
    const box = make("textarea", { class: "unseen" });
    box.value = text;
    document.body.append(box);
    box.select();
    done = document.execCommand("copy");
    box.remove();
    button.focus();
  }
  const label = button.dataset.label || button.textContent;
  button.dataset.label = label;
  button.textContent = done ? "✓ copied" : "cannot copy here";
  announce(button.textContent);
  setTimeout(() => (button.textContent = label), 1600);
}

function copyButton(label, text) {
  const button = make("button", { type: "button", class: "copy" }, label);
  button.addEventListener("click", () => copy(typeof text === "function" ? text() : text, button));
  return button;
}

/** Whether a prompt has worked examples or a layout beside its text. */
const hasForm = ({ form }) => Boolean(form && (typeof form === "string" || Object.keys(form).length));

/** Buttons that copy a prompt as a model gets it, and its text alone; one where that is all of it. */
function promptButtons({ text, whole, form }) {
  const part = text === null ? null : copyButton(whole || hasForm({ form }) ? "copy instruction" : "copy", text);
  return [whole ? copyButton("copy whole prompt", whole) : null, part].filter(Boolean);
}

/** A command as a shell reads it. */
const quote = (word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

function download(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

/** Give controls by name the values that an address has for them. */
function syncFields(fields, values) {
  for (const [name, field] of Object.entries(fields)) field.sync(values[name] || "");
}

/** A choice with a label: `options` are pairs of value and text. */
function chooser(label, options, value, change) {
  const select = make(
    "select",
    null,
    options.map(([key, text]) => make("option", { value: key }, brief(text, 60))),
  );
  select.value = value;
  select.addEventListener("change", () => change(select.value));
  const field = make("label", { class: "field" }, make("span", null, label), select);
  field.sync = (wanted) => (select.value = wanted);
  return field;
}

function searchField(label, value, change) {
  const input = make("input", { type: "search", spellcheck: "false", autocomplete: "off" });
  input.value = value;
  let timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = 0;
      change(input.value);
    }, 180);
  });
  const field = make("label", { class: "field search" }, make("span", null, label), input);
  field.sync = (wanted) => {
    if (!timer && input.value !== wanted) input.value = wanted; // what is being typed stays
  };
  return field;
}
