// The live view of one run. It draws what Python says and decides nothing; every word that comes
// from a chain is set as text, never as markup.

const ACK_MS = 8000;
const RESYNC_MS = 1000;
const SHOWN_CHARACTERS = 12000; // of one unit: laying out a growing text costs its length each time

// ---------------------------------------------------------------- the protocol (no DOM in here)

/** Follows a run: one snapshot, then numbered deltas; a gap in the numbers asks for a snapshot. */
export class Follower {
  constructor(model, changed) {
    this.model = model;
    this.changed = changed;
    this.skew = 0;
    this.waiting = new Map();
    this.resyncAt = 0;
    this.picture = structuredClone(model.get("snapshot"));
    this.onTrait = () => this.take(model.get("snapshot"));
    this.onMessage = (message) => this.receive(message);
  }

  start() {
    this.model.on("change:snapshot", this.onTrait);
    this.model.on("msg:custom", this.onMessage);
    this.changed(null);
    this.send({ type: "rendered" }).catch(() => {}); // a dead kernel is told at the first click
  }

  stop() {
    this.model.off("change:snapshot", this.onTrait);
    this.model.off("msg:custom", this.onMessage);
  }

  now() {
    return Date.now() / 1000 + this.skew;
  }

  take(snapshot) {
    if (snapshot.seq <= this.picture.seq) return;
    this.picture = structuredClone(snapshot);
    this.changed(null);
  }

  receive(message) {
    if (message.now) this.skew = message.now - Date.now() / 1000;
    if (message.type === "delta") this.apply(message);
    else if (message.type === "snapshot") this.take(message.snapshot);
    else if (message.type === "hello" && message.seq > this.picture.seq) this.resync();
    else if (message.type === "ack") this.waiting.get(message.id)?.(message);
  }

  apply(delta) {
    const picture = this.picture;
    if (delta.seq <= picture.seq) return;
    if (delta.seq > picture.seq + 1) return this.resync();
    picture.seq = delta.seq;
    for (const part of ["run", "forms", "answers"]) if (part in delta) picture[part] = delta[part];
    Object.assign(picture.nodes, delta.nodes);
    for (const [unit, turn, kind, text] of delta.text ?? []) {
      let stream = picture.streams[unit];
      if (stream?.turn !== turn) stream = picture.streams[unit] = { turn, pieces: [], cut: false };
      const last = stream.pieces.findLast((piece) => (piece[0] === "log") === (kind === "log"));
      if (last?.[0] === kind) last[1] += text;
      else stream.pieces.push([kind, text]);
      if (last?.[1].length > 2 * SHOWN_CHARACTERS) last[1] = last[1].slice(-SHOWN_CHARACTERS);
    }
    this.changed(delta);
  }

  resync() {
    if (Date.now() - this.resyncAt < RESYNC_MS) return;
    this.resyncAt = Date.now();
    this.send({ type: "resync" }).catch(() => {});
  }

  /** Sends, and rejects if the kernel is gone: a front end may throw at once, or later. */
  async send(content) {
    await this.model.send(content);
  }

  /** Asks Python to act. The same id again is the same wish. Always resolves, with an `ok`. */
  async act(action, id = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`) {
    const refused = (error) => ({ ok: false, fields: {}, error });
    const answer = new Promise((resolve) => {
      const timer = setTimeout(() => resolve(refused(this.silentMessage())), ACK_MS);
      this.waiting.set(id, (ack) => (clearTimeout(timer), resolve(ack)));
    });
    try {
      await this.send({ type: "action", id, action });
    } catch {
      this.waiting.get(id)(refused(`The kernel is gone: ${this.cure()}.`));
    }
    const ack = await answer;
    this.waiting.delete(id);
    return ack;
  }

  /** An ipykernel before 7 hears a click only when no cell runs. */
  silentMessage() {
    return "The kernel does not answer yet. While a cell runs, the click may wait for its end. "
      + `If the kernel was restarted: ${this.cure()}.`;
  }

  cure() {
    const id = this.picture.run.id;
    return id ? `%tinyflow attach ${id} to continue` : "run the cell again";
  }
}

/** 0.4 s, 12 s, 2 m 05 s, 1 h 02 m: as Python writes it. */
export function duration(seconds) {
  const s = Math.max(seconds, 0);
  if (s < 9.95) return `${s.toFixed(1)} s`;
  const whole = Math.round(s);
  const two = (n) => String(n).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} m`;
}

function elapsed(picture, now) {
  if (picture.started_at == null || picture.status === "READY") return "";
  return duration((picture.finished_at ?? now) - picture.started_at);
}

/** A field's text as JSON: {value}, {error} or {} for "left out". */
export function parse(field, text) {
  const trimmed = text.trim();
  if (field.kind === "text" || field.kind === "line") {
    if (trimmed === "" && field.nullable) return { value: null };
    if (trimmed === "" && field.required) return { error: "Please fill this in." };
    if (field.longest && text.length > field.longest) return { error: `At most ${field.longest} characters.` };
    return { value: text };
  }
  if (trimmed === "") {
    if (field.nullable) return { value: null };
    return field.required ? { error: "Please fill this in." } : {};
  }
  if (field.kind === "json") {
    try {
      return { value: JSON.parse(trimmed) };
    } catch (error) {
      return { error: `This is not JSON: ${error.message}` };
    }
  }
  const value = Number(trimmed);
  if (!Number.isFinite(value)) return { error: "A number, please." };
  if (field.kind === "integer" && !Number.isInteger(value)) return { error: "A whole number, please." };
  if (field.minimum != null && value < field.minimum) return { error: `At least ${field.minimum}.` };
  if (field.maximum != null && value > field.maximum) return { error: `At most ${field.maximum}.` };
  return { value };
}

// ---------------------------------------------------------------- elements

function make(namespace, tag, attributes, children) {
  const node = namespace ? document.createElementNS(namespace, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child != null && child !== false));
  return node;
}
const html = (tag, attributes, ...children) => make(null, tag, attributes, children);
const svg = (tag, attributes, ...children) => make("http://www.w3.org/2000/svg", tag, attributes, children);

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A status as its own shape, so that colour is never the only sign. */
function mark(marks, status) {
  const [shape, sign] = marks[status];
  const turning = status === "RUNNING" ? " tf-turning" : "";
  return svg("g", { class: `tf-mark${turning}` },
    svg("path", { class: sign ? "tf-shape tf-solid" : "tf-shape", d: shape }),
    sign && svg("path", { class: "tf-sign", d: sign }));
}

function icon(marks, status) {
  return svg("svg", { class: "tf-badge", viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" },
    mark(marks, status));
}

function show(value) {
  const plain = typeof value === "string";
  return html("pre", { class: plain ? "tf-text" : "tf-text tf-code" },
    plain ? value : JSON.stringify(value, null, 2));
}

// ---------------------------------------------------------------- the graph

class Graph {
  constructor(graph, choose) {
    this.graph = graph;
    this.nodes = new Map();
    this.edges = graph.edges.map((edge) => this.drawEdge(edge));
    const drawn = graph.nodes.map((node) => this.drawNode(node, choose));
    this.canvas = svg("svg", { class: "tf-canvas", viewBox: `0 0 ${graph.width} ${graph.height}`,
      role: "group", "aria-label": `Nodes of ${graph.chain}` },
      svg("g", {}, ...this.edges.map((edge) => edge.root)), svg("g", {}, ...drawn));
    this.root = html("div", { class: "tf-stage" }, this.canvas);
    this.canvas.addEventListener("keydown", (event) => this.move(event));
    this.sizes = new ResizeObserver(() => this.fit());
    this.sizes.observe(this.root);
    drawn[0]?.setAttribute("tabindex", "0");
  }

  /** As large as it was laid out if there is room; smaller, but legible, if not; then it scrolls. */
  fit() {
    const { width, height } = this.graph;
    const scale = Math.min(1, Math.max(0.62, (this.root.clientWidth - 2) / width));
    this.canvas.setAttribute("width", width * scale);
    this.canvas.setAttribute("height", height * scale);
  }

  drawEdge(edge) {
    const [x, y] = edge.tip;
    const root = svg("g", { class: `tf-${edge.kind}` },
      svg("path", { class: "tf-edge", d: edge.path }), svg("path", { class: "tf-tip", d: `M${x} ${y}l-8-4v8z` }));
    return { edge, root };
  }

  drawNode(node, choose) {
    const { width, height } = node;
    const title = svg("title");
    const text = svg("text", { class: "tf-caption", x: 48, y: 40 }, node.type);
    const track = svg("rect", { class: "tf-track", x: 10, y: height - 6, width: width - 20, height: 3, rx: 1.5, visibility: "hidden" });
    const done = svg("rect", { class: "tf-done", x: 10, y: height - 6, width: 0, height: 3, rx: 1.5 });
    const badge = svg("g", { transform: `translate(${width - 26} 11)` });
    const root = svg("g", { class: "tf-node", transform: `translate(${node.x} ${node.y})`, tabindex: "-1", role: "img",
      "data-node": node.id, "data-status": "READY", onclick: () => choose(node.id),
      onkeydown: (event) => event.key === "Enter" && choose(node.id) },
      title, svg("rect", { class: "tf-box", width, height, rx: 9 }),
      svg("rect", { class: "tf-tile", x: 10, y: 12, width: 29, height: 29, rx: 7 }),
      svg("path", { class: "tf-icon", transform: "translate(16.5 18.5)", d: node.icon }),
      svg("text", { class: "tf-name", x: 48, y: 24 }, node.label), text, track, done, badge);
    this.nodes.set(node.id, { node, root, title, text, track, done, badge, status: "" });
    return root;
  }

  update(pictures, changed, now) {
    for (const id of changed ?? this.nodes.keys()) this.updateNode(this.nodes.get(id), pictures[id], now);
    for (const { edge, root } of this.edges) {
      const [from, to] = [pictures[edge.source].status, pictures[edge.target].status];
      const untaken = from === "SKIPPED" || to === "SKIPPED";
      root.classList.toggle("tf-untaken", untaken);
      root.classList.toggle("tf-taken", !untaken && from === "SUCCEEDED" && edge.kind !== "handler");
    }
  }

  updateNode(drawn, picture, now) {
    const { node, root } = drawn;
    if (drawn.status !== picture.status + picture.word) {
      const starts = picture.status === "RUNNING" && drawn.status !== "";
      drawn.status = picture.status + picture.word;
      root.setAttribute("data-status", picture.status);
      drawn.badge.replaceChildren(...(picture.word ? [mark(this.graph.marks, picture.status)] : []));
      if (starts) this.reveal(node);
    }
    const [settled, total] = picture.progress ?? [0, 0];
    drawn.track.setAttribute("visibility", total ? "visible" : "hidden");
    drawn.done.setAttribute("width", total ? ((node.width - 20) * settled) / total : 0);
    this.caption(drawn, picture, now);
    const says = [picture.word, picture.note, picture.reason].filter(Boolean);
    setText(drawn.title, [`${node.id} (${node.type})`, ...says, node.description].filter(Boolean).join("\n"));
    root.setAttribute("aria-label", [node.id, node.type, ...says].join(", "));
  }

  caption(drawn, picture, now) {
    const quiet = picture.status === "SKIPPED" || picture.status === "CANCELLED";
    const parts = [picture.word || drawn.node.type, picture.note, quiet ? "" : elapsed(picture, now)];
    const text = parts.filter(Boolean).join(" · ");
    if (drawn.said === text) return;
    drawn.said = text;
    ellipsise(drawn.text, text, drawn.node.width - 58);
  }

  tick(pictures, now) {
    for (const [id, drawn] of this.nodes) {
      const { status } = pictures[id];
      if (status === "RUNNING" || status === "SUSPENDED") this.caption(drawn, pictures[id], now);
    }
  }

  /** Bring a node that starts into sight, if the graph is larger than its window. */
  reveal(node) {
    const scale = this.canvas.clientWidth / this.graph.width || 1;
    const { root } = this;
    const [x, y] = [node.x * scale, node.y * scale];
    const hidden = x < root.scrollLeft || x + node.width * scale > root.scrollLeft + root.clientWidth ||
      y < root.scrollTop || y + node.height * scale > root.scrollTop + root.clientHeight;
    if (hidden && !root.matches(":hover")) {
      root.scrollTo({ left: x - root.clientWidth / 3, top: y - root.clientHeight / 3, behavior: "smooth" });
    }
  }

  /** Left and right follow the edges, up and down the definition's order. */
  move(event) {
    const id = event.target.dataset?.node;
    const at = this.graph.nodes.findIndex((node) => node.id === id);
    const { edges, nodes } = this.graph;
    const next = {
      ArrowRight: () => edges.find((edge) => edge.source === id)?.target,
      ArrowLeft: () => edges.find((edge) => edge.target === id)?.source,
      ArrowDown: () => nodes[at + 1]?.id,
      ArrowUp: () => nodes[at - 1]?.id,
    }[event.key]?.();
    if (!next) return;
    event.preventDefault();
    event.target.setAttribute("tabindex", "-1");
    const { root } = this.nodes.get(next);
    root.setAttribute("tabindex", "0");
    root.focus();
  }
}

const pen = globalThis.document?.createElement("canvas").getContext("2d");

/** Sets an SVG text and cuts it where it would leave its box. Measured apart: it may not be shown yet. */
function ellipsise(node, text, room) {
  pen.font = `11.3px ${getComputedStyle(node).fontFamily || "system-ui, sans-serif"}`;
  let kept = text;
  for (let length = Math.min(text.length, 60); length > 0 && pen.measureText(kept).width > room; length--) {
    kept = `${text.slice(0, length).trimEnd()}…`;
  }
  setText(node, kept);
}

// ---------------------------------------------------------------- what the nodes say

/** Text that grows at its end, piece by piece, and is forgotten at its beginning. */
class Lane {
  constructor() {
    this.root = html("div", { class: "tf-lane" });
    this.length = 0;
    this.kind = "";
  }

  write(kind, text) {
    if (this.kind !== kind) {
      this.kind = kind;
      this.last = document.createTextNode("");
      this.root.append(html("span", { class: `tf-said tf-${kind}` }, this.last));
    }
    this.last.appendData(text);
    this.length += text.length;
    while (this.length > SHOWN_CHARACTERS) {
      const first = this.root.firstChild.firstChild;
      const extra = Math.min(this.length - SHOWN_CHARACTERS + 2000, first.length);
      this.length -= extra;
      if (extra < first.length || first === this.last) first.deleteData(0, extra);
      else this.root.firstChild.remove();
    }
  }
}

class Streams {
  constructor(marks) {
    this.marks = marks;
    this.blocks = new Map();
    this.root = html("div", { class: "tf-streams" });
  }

  block(unit, stream) {
    let block = this.blocks.get(unit);
    if (!block) {
      const badge = html("span", { class: "tf-badgebox" });
      const body = html("div", { class: "tf-stream", tabindex: "0", role: "log", "aria-live": "off", "aria-label": `What ${unit} says` });
      const root = html("section", { class: "tf-block", "data-unit": unit },
        html("header", { class: "tf-blockhead" }, badge, html("b", {}, unit)), body);
      block = { root, badge, body, lanes: [], turn: "", status: "" };
      this.blocks.set(unit, block);
      this.root.append(root);
    }
    if (block.turn !== stream.turn) {
      block.turn = stream.turn;
      block.lanes = [new Lane(), new Lane()];
      block.body.replaceChildren(...block.lanes.map((lane) => lane.root));
      if (stream.cut) this.write(block, "note", "(the beginning is not shown)\n");
    }
    return block;
  }

  write({ lanes }, kind, text) {
    lanes[kind === "log" ? 1 : 0].write(kind, text);
  }

  /** Measures, writes, and only then scrolls: one layout for all that came at once. */
  update(picture, delta) {
    const heard = new Set(delta ? delta.text.map(([unit]) => unit) : Object.keys(picture.streams));
    const held = new Set();
    for (const unit of heard) {
      const body = this.blocks.get(unit)?.body;
      if (body && body.scrollHeight - body.scrollTop - body.clientHeight >= 24) held.add(unit);
    }
    this.writeAll(picture, delta);
    for (const unit of heard) if (!held.has(unit)) this.blocks.get(unit).body.scrollTop = 1e9;
  }

  writeAll(picture, delta) {
    if (delta) {
      for (const [unit, turn, kind, text] of delta.text) {
        const block = this.block(unit, { turn });
        this.write(block, kind, text);
      }
    } else {
      for (const [unit, stream] of Object.entries(picture.streams)) {
        if (this.blocks.has(unit)) this.blocks.get(unit).turn = "";
        const block = this.block(unit, stream);
        for (const [kind, text] of stream.pieces) this.write(block, kind, text);
      }
    }
    for (const [unit, block] of this.blocks) {
      const status = picture.nodes[unit.split(/[[#]/)[0]]?.status ?? "READY";
      if (status === block.status) continue;
      block.status = status;
      block.root.dataset.status = status;
      block.badge.replaceChildren(icon(this.marks, status));
    }
  }

  reveal(node) {
    for (const [unit, block] of this.blocks) {
      if (unit.split(/[[#]/)[0] !== node) continue;
      block.root.scrollIntoView({ block: "nearest", behavior: "smooth" });
      return block.body.focus({ preventScroll: true });
    }
  }
}

// ---------------------------------------------------------------- forms

let fieldCount = 0;

/** One field: `read()` gives {value}, {error} or {}; `complain(text)` shows what is wrong with it. */
function makeField(field, submitNow) {
  const id = `tf-field-${++fieldCount}`;
  const problem = html("div", { class: "tf-problem", id: `${id}-problem`, role: "alert" });
  const { control, read } = makeControl(field, id, submitNow);
  control.setAttribute("aria-describedby", `${id}-problem`);
  const grouped = control.tagName === "DIV"; // its buttons have names of their own
  const label = field.name && html(grouped ? "span" : "label", { class: "tf-label", for: grouped ? null : id, id: `${id}-label` },
    field.label, !field.required && html("span", { class: "tf-optional" }, " optional"));
  if (label && grouped) control.setAttribute("aria-labelledby", label.id);
  const root = html("div", { class: "tf-field", "data-field": field.name }, label,
    field.description && html("div", { class: "tf-hint" }, field.description), control, problem);
  const complain = (text) => {
    setText(problem, text);
    root.classList.toggle("tf-wrong", Boolean(text));
  };
  return { field, root, read, complain };
}

function makeControl(field, id, submitNow) {
  if (field.kind === "boolean") return makeChoice(field, [[true, "Yes"], [false, "No"]], submitNow);
  if (field.kind === "choice") {
    const options = field.choices.map((choice) => [choice, typeof choice === "string" ? choice : JSON.stringify(choice)]);
    return options.length <= 6 ? makeChoice(field, options, submitNow) : makeSelect(field, id, options);
  }
  const text = field.value === undefined ? "" : typeof field.value === "string" && field.kind !== "json"
    ? field.value : JSON.stringify(field.value, null, field.kind === "json" ? 2 : 0);
  if (field.kind === "text" || field.kind === "json") {
    const control = html("textarea", { id, rows: field.kind === "json" ? 4 : 2, spellcheck: field.kind === "json" ? "false" : null,
      class: field.kind === "json" ? "tf-code" : null });
    control.value = text;
    return { control, read: () => parse(field, control.value) };
  }
  const numeric = field.kind === "integer" || field.kind === "number";
  const control = html("input", { id, type: "text", inputmode: numeric ? "decimal" : null, class: numeric ? "tf-short" : null });
  control.value = text;
  return { control, read: () => parse(field, control.value) };
}

function makeChoice(field, options, submitNow) {
  let chosen = options.findIndex(([value]) => field.value !== undefined && JSON.stringify(value) === JSON.stringify(field.value));
  const buttons = options.map(([, label], index) => html("button", { type: "button", "aria-pressed": String(index === chosen),
    onclick: () => {
      chosen = index;
      buttons.forEach((button, other) => button.setAttribute("aria-pressed", String(other === index)));
      submitNow?.();
    } }, label));
  const control = html("div", { class: "tf-choice", role: "group" }, ...buttons);
  const read = () => {
    if (chosen >= 0) return { value: options[chosen][0] };
    return field.nullable ? { value: null } : field.required ? { error: "Please choose." } : {};
  };
  return { control, read };
}

function makeSelect(field, id, options) {
  const control = html("select", { id }, html("option", { value: "" }, "Choose…"),
    ...options.map(([, label], index) => html("option", { value: String(index) }, label)));
  const at = options.findIndex(([value]) => JSON.stringify(value) === JSON.stringify(field.value));
  control.value = at < 0 ? "" : String(at);
  const read = () => {
    if (control.value !== "") return { value: options[Number(control.value)][0] };
    return field.nullable ? { value: null } : field.required ? { error: "Please choose." } : {};
  };
  return { control, read };
}

class Form {
  constructor(form, follower) {
    this.form = form;
    this.follower = follower;
    this.id = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    this.busy = false;
    const [first, ...more] = form.fields;
    const short = first?.kind === "boolean" || (first?.kind === "choice" && first.choices.length <= 6);
    const atOnce = short && !more.length && form.unit; // the buttons are the answer
    this.fields = form.fields.map((field) => makeField(field, atOnce ? () => this.submit() : null));
    this.problem = html("div", { class: "tf-problem", role: "alert" });
    this.button = html("button", { type: "submit", class: "tf-primary" }, form.unit ? "Send answer" : "Start");
    const hint = html("span", { class: "tf-hint" }, "Ctrl-Enter");
    this.body = html("fieldset", { class: "tf-fields" }, ...this.fields.map((field) => field.root),
      !atOnce && html("div", { class: "tf-submit" }, this.button, hint));
    this.root = html("form", { class: "tf-form", "data-unit": form.unit, "data-status": "SUSPENDED", novalidate: true,
      onsubmit: (event) => (event.preventDefault(), this.submit()),
      onkeydown: (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && (event.preventDefault(), this.submit()) },
      html("header", { class: "tf-ask" }, form.unit && html("b", {}, form.unit), html("span", {}, form.message)),
      this.body, this.problem);
  }

  read() {
    let fine = true;
    const answer = {};
    for (const { field, read, complain } of this.fields) {
      const { value, error } = read();
      complain(error ?? "");
      if (error) fine = false;
      else if (value !== undefined) answer[field.name] = value;
    }
    return fine ? answer : null;
  }

  async submit() {
    if (this.busy) return;
    setText(this.problem, "");
    const answer = this.read();
    if (!answer) return this.root.querySelector(".tf-wrong :is(input, textarea, select, button)")?.focus();
    this.busy = this.body.disabled = true;
    this.root.classList.add("tf-busy");
    const bare = this.fields.length === 1 && this.fields[0].field.name === "";
    const { unit } = this.form;
    const action = unit ? { type: "resume", unit, answer: bare ? answer[""] : answer, answer_id: this.id }
      : { type: "start", inputs: answer };
    const ack = await this.follower.act(action, this.id);
    if (ack.ok) return; // the form goes when the run goes on
    this.busy = this.body.disabled = false;
    this.root.classList.remove("tf-busy");
    setText(this.problem, ack.error);
    for (const { field, complain } of this.fields) complain(ack.fields[field.name] ?? "");
  }
}

class Forms {
  constructor(follower) {
    this.follower = follower;
    this.forms = new Map();
    this.root = html("div", { class: "tf-forms" });
  }

  /** A form that is still open keeps its element: what the reader typed stays. */
  update(forms) {
    const open = new Set(forms.map((form) => form.key));
    for (const [key, form] of this.forms) {
      if (open.has(key)) continue;
      form.root.remove();
      this.forms.delete(key);
    }
    for (const form of forms) {
      if (this.forms.has(form.key)) continue;
      const made = new Form(form, this.follower);
      this.forms.set(form.key, made);
      this.root.append(made.root);
    }
  }
}

// ---------------------------------------------------------------- the whole view

function errorPanel(error) {
  const where = [error.node && `node ${error.node}`, error.attempt > 1 && `attempt ${error.attempt}`].filter(Boolean);
  const more = (title, text) => text && html("details", {}, html("summary", {}, title), html("pre", { class: "tf-text tf-code" }, text));
  return html("section", { class: "tf-error", "data-status": "FAILED", role: "alert" },
    html("div", { class: "tf-errortitle" }, error.title),
    where.length > 0 && html("div", { class: "tf-hint" }, where.join(" · ")),
    error.code && html("div", { class: "tf-codeline" }, html("span", {}, `line ${error.line}`), html("code", {}, error.code)),
    more("Traceback", error.traceback), more("The model's answer", error.answer));
}

function answerRecord(answer) {
  const at = answer.at ? ` at ${new Date(answer.at * 1000).toLocaleTimeString()}` : "";
  const plain = typeof answer.answer === "string";
  const text = plain ? answer.answer : JSON.stringify(answer.answer);
  return html("div", { class: "tf-answer" }, html("b", {}, answer.unit),
    html("span", {}, ` answered by ${answer.who || "somebody"}${at}: `), html(plain ? "q" : "code", {}, text ?? ""));
}

/** What several deltas ask to be drawn; null asks for everything, and so do too many. */
function merge(pending, delta) {
  if (!delta || pending.whole || pending.text.length > 500) return { whole: true, text: [], nodes: {} };
  return { ...pending, ...delta, nodes: { ...pending.nodes, ...delta.nodes }, text: pending.text.concat(delta.text ?? []) };
}

class View {
  constructor(model) {
    this.graph = model.get("graph");
    this.follower = new Follower(model, (delta) => this.note(delta));
    this.pending = null;
    this.drawing = null;
    this.drawnAt = this.cost = 0;
    this.streams = new Streams(this.graph.marks);
    this.forms = new Forms(this.follower);
    this.nodes = new Graph(this.graph, (id) => this.streams.reveal(id));
    this.pill = html("span", { class: "tf-pill" });
    this.word = html("span", {});
    this.badge = html("span", { class: "tf-badgebox" });
    this.pill.append(this.badge, this.word);
    this.stopButton = this.button("Stop", "stop");
    this.retryButton = this.button("Retry", "retry");
    this.runId = html("code", { class: "tf-run", title: "The run's id" });
    this.notice = html("div", { class: "tf-notice", role: "alert" });
    this.errors = html("div", {});
    this.answers = html("div", {});
    this.result = html("div", {});
    this.spoken = html("div", { class: "tf-spoken", "aria-live": "polite" });
    this.root = html("div", { class: "tf tf-live", role: "region", "aria-label": `Chain ${this.graph.chain}`, "data-lm-suppress-shortcuts": "true" },
      html("header", { class: "tf-bar" }, html("b", { class: "tf-chain", title: this.graph.description || null }, this.graph.chain), this.runId,
        html("span", { class: "tf-space" }), this.pill, this.stopButton, this.retryButton),
      this.notice, this.nodes.root, this.forms.root, this.errors, this.streams.root, this.answers, this.result, this.spoken);
    this.timer = setInterval(() => this.tick(), 200);
  }

  button(label, type) {
    const button = html("button", { type: "button", class: "tf-button", hidden: true, onclick: async () => {
      button.disabled = true;
      setText(this.notice, "");
      const ack = await this.follower.act({ type });
      button.disabled = false;
      if (!ack.ok) setText(this.notice, ack.error);
    } }, label);
    return button;
  }

  /** Draws at once, or soon if drawing takes its time: a slow page falls back in frames, not behind. */
  note(delta) {
    this.pending = this.pending ? merge(this.pending, delta) : merge({ text: [], nodes: {} }, delta);
    const wait = this.drawnAt + 2 * this.cost - performance.now();
    if (wait <= 0 && !this.drawing) this.draw();
    else this.drawing ??= setTimeout(() => this.draw(), wait);
  }

  draw() {
    const begun = performance.now();
    const { pending } = this;
    this.drawing = this.pending = null;
    this.update(pending.whole ? null : pending);
    this.root.dataset.seq = this.follower.picture.seq;
    this.drawnAt = performance.now();
    this.cost = Math.min(this.drawnAt - begun, 250);
  }

  update(delta) {
    const { run, nodes, forms, answers } = this.follower.picture;
    const now = this.follower.now();
    if (!delta || delta.run) this.updateRun(run, now);
    const moved = delta && Object.keys(delta.nodes);
    if (!delta || moved.length) this.nodes.update(nodes, moved, now);
    if (!delta || delta.forms) this.forms.update(forms);
    if (!delta || delta.answers) this.answers.replaceChildren(...answers.map(answerRecord));
    this.streams.update(this.follower.picture, delta);
  }

  updateRun(run, now) {
    const terminal = ["SUCCEEDED", "FAILED", "CANCELLED"].includes(run.status);
    this.pill.dataset.status = run.status;
    this.badge.replaceChildren(icon(this.graph.marks, run.status));
    setText(this.runId, run.id);
    this.stopButton.hidden = terminal || !run.id;
    this.retryButton.hidden = !run.id || (run.status !== "FAILED" && run.status !== "CANCELLED");
    this.errors.replaceChildren(...(run.error ? [errorPanel(run.error)] : []));
    const done = run.status === "SUCCEEDED";
    this.result.replaceChildren(...(done ? [html("section", { class: "tf-result" }, html("header", { class: "tf-blockhead" },
      html("b", {}, "Result")), show(run.result ?? null))] : []));
    setText(this.spoken, `${this.graph.chain}: ${run.word}`);
    this.clock(run, now);
  }

  clock(run, now) {
    setText(this.word, [run.word, elapsed(run, now)].filter(Boolean).join(" · "));
  }

  tick() {
    const { run, nodes } = this.follower.picture;
    if (run.finished_at != null || !run.started_at) return;
    this.clock(run, this.follower.now());
    this.nodes.tick(nodes, this.follower.now());
  }

  close() {
    clearInterval(this.timer);
    clearTimeout(this.drawing);
    this.nodes.sizes.disconnect();
    this.follower.stop();
  }
}

export default {
  render({ model, el }) {
    const view = new View(model);
    el.append(view.root);
    view.nodes.fit();
    view.follower.start();
    return () => view.close();
  },
};
