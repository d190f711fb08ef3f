// Every answer of a run: questions down, prompts across; only what is on screen is in the page.

const JUDGED = {
  r: ["✓", "right"],
  p: ["≈", "partly right"],
  w: ["✗", "wrong"],
  u: ["?", "unreadable"],
  x: ["⊘", "refused"],
  v: ["●", "a value"],
  ".": ["·", "not asked"],
};
const ROW = 30; // pixels
const OVER = 6; // rows drawn beyond the edge
const ROOM = 400; // pixels of a question that leave room for its gold answer
const AT_ONCE = 60; // questions asked of the server together
const TOP = 12; // prompts shown unless told otherwise
const ON_PAPER = { rows: 1000, columns: 14, first: 340, cell: 46 }; // what a print has room for, and pixels

const isCut = (sign) => sign !== sign.toLowerCase();
const judge = (sign) => JUDGED[sign.toLowerCase()] || JUDGED["."];

const ONLY = {
  wrong: ["wrong", (sign) => "wp".includes(sign.toLowerCase())],
  right: ["right", (sign) => sign.toLowerCase() === "r"],
  unreadable: ["unreadable", (sign) => sign.toLowerCase() === "u"],
  cut: ["cut at the limit", isCut],
  refused: ["refused", (sign) => sign.toLowerCase() === "x"],
};

/** The questions (numbers) that a filter leaves, in order. */
function selectQuestions(grid, columns, { only, under, flip, found, order }) {
  const rows = [];
  const test = ONLY[only]?.[1];
  const strips = (under ? [under] : columns).map((id) => grid.prompts[id] || "");
  const [before, after] = (flip || []).map((id) => grid.prompts[id] || "");
  for (let at = 0; at < grid.size; at++) {
    if (found && !found.has(at)) continue;
    if (test && !strips.some((strip) => test(strip[at] || "."))) continue;
    if (flip) {
      const [one, other] = [before[at] || ".", after[at] || "."].map((sign) => sign.toLowerCase());
      if (one === other || one === "." || other === ".") continue;
    }
    rows.push(at);
  }
  if (order === "hard") {
    const missed = new Map(rows.map((at) => [at, columns.reduce((sum, id) => {
      const sign = (grid.prompts[id]?.[at] || ".").toLowerCase();
      return sum + (sign === "." ? 0 : sign === "r" ? -1 : 1);
    }, 0)]));
    rows.sort((a, b) => missed.get(b) - missed.get(a) || a - b);
  }
  return rows;
}

const beginnings = new WeakMap();

/** How many characters all questions that have come begin with alike, up to the end of a word. */
function sharedBeginning(texts) {
  const known = beginnings.get(texts);
  if (known?.size === texts.size) return known.found;
  let shared = null;
  for (const { input } of texts.values()) {
    let at = 0;
    if (shared === null) shared = input;
    while (at < shared.length && shared[at] === input[at]) at++;
    shared = shared.slice(0, at);
  }
  const end = shared === null || texts.size < 3 ? 0 : shared.lastIndexOf(" ") + 1;
  const found = end >= 20 ? end : 0;
  beginnings.set(texts, { size: texts.size, found });
  return found;
}

/** The grid itself: rows and columns that exist only while they are seen. */
function virtualGrid(openCell) {
  const head = make("div", { role: "row", class: "grid-row", "aria-rowindex": "1" });
  const body = make("div", { role: "rowgroup", class: "grid-body" });
  const node = make("div", { class: "grid", role: "grid", tabindex: "0", "aria-label": "answers, questions by prompts" },
    make("div", { role: "rowgroup", class: "grid-head" }, head), body);
  const drawn = new Map(); // rows by place
  const texts = new Map(); // questions by number
  let [rows, columns, grid, load] = [[], [], null, null];
  let [row, column] = [0, 0];
  let from = -1;
  let to = -1;
  let width = 0;
  let frame = 0;
  let printing = false;

  const measure = () => {
    if (printing) {
      node.style.setProperty("--first", `${ON_PAPER.first}px`);
      return ON_PAPER;
    }
    const style = getComputedStyle(node);
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const pixels = (name) => parseFloat(style.getPropertyValue(name)) * rem;
    const cell = pixels("--cell");
    // What the columns leave free is the question's.
    const first = Math.max(pixels("--least"), node.clientWidth - columns.length * cell);
    node.style.setProperty("--first", `${first}px`);
    return { first, cell };
  };

  /** A question in one line, without the words that all of them begin with. */
  function question(text) {
    const shared = sharedBeginning(texts);
    return shared && text.length > shared ? bdi(`…${text.slice(shared, shared + 400)}`, 160) : bdi(text, 160);
  }

  function addGold(label, { target }) {
    label.append(make("small", { class: "gold" }, make("span", { class: "unseen" }, "gold: "), bdi(target, 40)));
  }

  function drawCell(at, number, size) {
    const prompt = columns[at];
    const sign = grid.prompts[prompt.id]?.[number] || ".";
    const [glyph, word] = judge(sign);
    const cell = make("div", {
      role: "gridcell", class: `cell ${sign === "." ? "n" : sign.toLowerCase()}${isCut(sign) ? " cut" : ""}`,
      "aria-colindex": at + 2, "aria-label": `${shortName(prompt)}: ${word}${isCut(sign) ? ", cut" : ""}`, "data-at": at,
    }, glyph);
    cell.style.left = `${size.first + at * size.cell}px`;
    return cell;
  }

  function drawRow(place, size) {
    const number = rows[place];
    const text = texts.get(number);
    const label = make("div", { role: "rowheader", class: "question", "aria-colindex": "1" },
      make("b", null, String(number)), " ", text ? question(text.input) : make("span", { class: "none" }, "…"));
    if (text && size.first > ROOM) addGold(label, text);
    const line = make("div", { role: "row", class: "grid-row", "aria-rowindex": place + 2, "data-place": place }, label);
    for (let at = from; at < to; at++) line.append(drawCell(at, number, size));
    line.style.top = `${place * ROW}px`;
    return line;
  }

  /** Give a row the cells of the columns that are seen now, and keep those that still are. */
  function shift(line, number, [before, behind], size) {
    for (const cell of [...line.children].slice(1)) {
      if (cell.dataset.at < from || cell.dataset.at >= to) cell.remove();
    }
    const first = line.children[1] || null;
    for (let at = from; at < Math.min(to, before); at++) line.insertBefore(drawCell(at, number, size), first);
    for (let at = Math.max(from, behind); at < to; at++) line.append(drawCell(at, number, size));
  }

  function mark() {
    for (const cell of node.querySelectorAll(".on")) cell.classList.remove("on");
    const line = drawn.get(row);
    const cell = line?.querySelector(`[data-at="${column}"]`);
    if (line) line.classList.add("on");
    if (cell) cell.classList.add("on");
    for (const each of node.querySelectorAll("#active-cell")) each.removeAttribute("id");
    if (cell) cell.id = "active-cell";
    if (cell) node.setAttribute("aria-activedescendant", "active-cell");
    else node.removeAttribute("aria-activedescendant");
  }

  function draw() {
    frame = 0;
    if (!grid) return;
    const size = measure();
    const wide = Math.max(0, node.clientWidth - size.first);
    const left = printing ? 0 : Math.max(0, Math.floor(node.scrollLeft / size.cell) - 1);
    const right = Math.min(columns.length, printing ? ON_PAPER.columns : Math.ceil((node.scrollLeft + wide) / size.cell) + 1);
    if (left !== from || right !== to || size.first !== width) {
      const kept = from >= 0 && size.first === width ? [from, to] : null;
      [from, to, width] = [left, right, size.first];
      stretch(size);
      if (kept) for (const [place, line] of drawn) shift(line, rows[place], kept, size);
      else clear();
      drawHead(size);
    }
    const top = printing ? 0 : Math.max(0, Math.floor(node.scrollTop / ROW) - OVER);
    const bottom = Math.min(rows.length, printing ? ON_PAPER.rows : Math.ceil((node.scrollTop + node.clientHeight) / ROW) + OVER);
    for (const [place, line] of drawn) {
      if (place < top || place >= bottom) {
        line.remove();
        drawn.delete(place);
      }
    }
    const wanted = [];
    let next = body.firstChild; // rows stand in their order, as they are read out
    for (let place = top; place < bottom; place++) {
      if (drawn.has(place)) {
        next = drawn.get(place).nextSibling;
      } else {
        const line = drawRow(place, size);
        drawn.set(place, line);
        body.insertBefore(line, next);
      }
      if (!texts.has(rows[place])) wanted.push(rows[place]);
    }
    mark();
    if (wanted.length && load) load(wanted);
  }

  function drawHead(size) {
    const corner = make("div", { role: "columnheader", class: "question corner", "aria-colindex": "1" },
      make("span", null, "question"), size.first > ROOM ? make("small", { class: "gold" }, "gold") : null);
    head.replaceChildren(corner);
    for (let at = from; at < to; at++) {
      const prompt = columns[at];
      const sign = prompt.is_best ? "★" : prompt.is_start ? "■" : "";
      const score = prompt.shown_score;
      const figure = score !== null && areShares(grid.scale) ? `${Math.round(100 * score)}%` : scoreText(score, grid.scale);
      const cell = make("div", {
        role: "columnheader", class: `cell${prompt.is_best ? " best" : prompt.is_start ? " start" : ""}`, "aria-colindex": at + 2,
        title: `${shortName(prompt)}: ${brief(prompt.text, 200)}`,
        "aria-label": `prompt ${shortName(prompt)}${prompt.is_best ? ", best" : prompt.is_start ? ", start" : ""}${score === null ? "" : `, ${scoreText(score, grid.scale)}`}`,
      }, make("b", null, `${sign}${shortName(prompt).replace("baseline ", "base ")}`), make("small", null, figure));
      cell.style.left = `${size.first + at * size.cell}px`;
      head.append(cell);
    }
  }

  function stretch(size) {
    body.style.height = `${rows.length * ROW}px`;
    const across = printing ? to : columns.length;
    for (const each of [body, head]) each.style.width = `${size.first + across * size.cell}px`;
  }

  function clear() {
    for (const line of drawn.values()) line.remove();
    drawn.clear();
  }

  function schedule() {
    if (!frame) frame = requestAnimationFrame(draw);
  }

  function show() {
    const size = measure();
    const tall = node.clientHeight - node.firstChild.offsetHeight;
    if (row * ROW < node.scrollTop) node.scrollTop = row * ROW;
    if ((row + 1) * ROW > node.scrollTop + tall) node.scrollTop = (row + 1) * ROW - tall;
    const wide = node.clientWidth - size.first;
    if (column * size.cell < node.scrollLeft) node.scrollLeft = column * size.cell;
    if ((column + 1) * size.cell > node.scrollLeft + wide) node.scrollLeft = (column + 1) * size.cell - wide;
    draw();
  }

  function move(down, across) {
    row = Math.max(0, Math.min(rows.length - 1, row + down));
    column = Math.max(0, Math.min(columns.length - 1, column + across));
    show();
  }

  node.addEventListener("scroll", schedule, { passive: true });
  node.addEventListener("click", (event) => {
    const line = event.target.closest("[data-place]");
    if (!line) return;
    row = Number(line.dataset.place);
    const cell = event.target.closest("[data-at]");
    if (cell) column = Number(cell.dataset.at);
    mark();
    openCell(rows[row], columns[column]);
  });
  node.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(node.clientHeight / ROW) - 2);
    const moves = {
      ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1],
      PageDown: [page, 0], PageUp: [-page, 0], Home: [0, -column], End: [0, columns.length],
    };
    if (event.ctrlKey && event.key === "Home") moves.Home = [-rows.length, -column];
    if (event.ctrlKey && event.key === "End") moves.End = [rows.length, columns.length];
    if (event.key === "Enter" && rows.length) {
      event.preventDefault();
      openCell(rows[row], columns[column]);
    } else if (moves[event.key] && !event.altKey && !event.metaKey) {
      event.preventDefault();
      event.stopPropagation();
      move(...moves[event.key]);
    }
  });
  new ResizeObserver(schedule).observe(node);

  return {
    node,
    texts,
    move,
    get at() { return rows.length ? { question: rows[row], prompt: columns[column], place: row, of: rows.length } : null; },
    get columns() { return columns; },
    /** The questions that paper has room for, and whose texts have not come yet. */
    get missing() { return rows.slice(0, ON_PAPER.rows).filter((number) => !texts.has(number)); },
    /** Draw all that paper has room for; after that what is seen again. */
    print(on) {
      printing = on;
      width = 0; // all cells move
      draw();
    },
    /** Put the mark on a question and a prompt; false where they are not shown. */
    select(question, id) {
      const [place, across] = [rows.indexOf(question), columns.findIndex((each) => each.id === id)];
      if (place < 0 || across < 0) return false;
      [row, column] = [place, across];
      show();
      return true;
    },
    fill(next) {
      ({ grid, rows, columns, load } = next);
      row = Math.max(0, Math.min(row, rows.length - 1));
      column = Math.max(0, Math.min(column, columns.length - 1));
      [from, to] = [-1, -1];
      node.setAttribute("aria-rowcount", rows.length + 1);
      node.setAttribute("aria-colcount", columns.length + 1);
      stretch(measure());
      schedule();
    },
    /** Write in the texts of questions that have come. */
    write() {
      for (const [place, line] of drawn) {
        const text = texts.get(rows[place]);
        if (!text) continue;
        const label = line.firstChild;
        label.replaceChildren(label.firstChild, " ", question(text.input));
        if (width > ROOM) addGold(label, text);
      }
    },
  };
}
