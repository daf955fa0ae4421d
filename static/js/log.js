// <m-log src="event stream" data-most="lines">: appends lines as they come, follows until the reader scrolls up.
const LINES = ["head", "body", "warn", "phase", "line", "gap"];
const SLOWEST = 30000; // milliseconds between two tries
const COLOURS = /\u001b\[[0-9;:]*m/g;
const clock = (at) => `${at.toLocaleTimeString("en-GB")}.${String(at.getMilliseconds()).padStart(3, "0")}`;

class Log extends HTMLElement {
  connectedCallback() {
    this.list = this.querySelector(".log ol");
    this.frame = this.querySelector(".log");
    this.newer = this.querySelector("button");
    this.most = Number(this.dataset.most);
    this.follow = true;
    this.waiting = [];
    this.last = "";
    this.pause = 1000;
    this.frame.addEventListener("scroll", () => {
      this.follow = this.frame.scrollTop + this.frame.clientHeight >= this.frame.scrollHeight - 24;
      if (this.follow) this.newer.hidden = true;
    });
    this.newer.addEventListener("click", () => { this.toEnd(); this.frame.focus(); });
    this.open();
  }
  disconnectedCallback() {
    this.over = true;
    this.source.close();
  }
  open() {
    const strip = document.getElementById("paused");
    const after = this.last ? `?after=${encodeURIComponent(this.last)}` : "";
    this.source = new EventSource(this.getAttribute("src") + after);
    for (const name of LINES) this.source.addEventListener(name, (event) => this.queue(event));
    this.source.addEventListener("end", (event) => this.end(event));
    this.source.addEventListener("open", () => {
      strip.hidden = true;
      this.pause = 1000;
      setTimeout(() => this.sayEmpty(), 1500);
    });
    this.source.addEventListener("error", () => {
      if (this.over) return;
      strip.hidden = false;
      if (this.source.readyState !== EventSource.CLOSED) return; // the browser itself tries again
      setTimeout(() => this.open(), this.pause);
      this.pause = Math.min(this.pause * 2, SLOWEST);
    });
  }
  end(event) {
    this.over = true;
    this.source.close();
    this.sayEmpty();
    this.dispatchEvent(new CustomEvent("minato:over", { bubbles: true, detail: JSON.parse(event.data) }));
  }
  sayEmpty() {
    const empty = this.querySelector(".empty");
    if (empty && !this.waiting.length) empty.textContent = this.dataset.empty;
  }
  queue(event) {
    this.last = event.lastEventId || this.last;
    this.waiting.push(event);
    if (this.waiting.length === 1) setTimeout(() => this.flush(), 50);
  }
  flush() {
    const rows = this.waiting.map((event) => this.row(event.type, JSON.parse(event.data))).filter(Boolean);
    this.waiting = [];
    if (!rows.length) return;
    this.querySelector(".empty")?.remove();
    this.list.append(...rows);
    while (this.list.childElementCount > this.most) this.list.firstElementChild.remove();
    if (this.follow) this.toEnd(); else this.newer.hidden = false;
  }
  toEnd() {
    this.follow = true;
    this.newer.hidden = true;
    this.frame.scrollTop = this.frame.scrollHeight;
  }
  row(kind, data) {
    const row = document.createElement("li");
    row.dataset.kind = kind;
    if (kind === "phase") return this.phase(row, JSON.parse(data.t));
    if (kind !== "line") {
      row.append((data.t ?? data.text ?? "").replace(COLOURS, ""));
      return row;
    }
    const at = document.createElement("span");
    at.className = "at";
    at.title = data.at;
    at.textContent = `${clock(new Date(data.at))} ${data.source}[${data.process}]: `;
    row.dataset.source = data.source;
    row.dataset.level = data.level;
    row.append(at, data.text.replace(COLOURS, ""));
    return row;
  }
  // A phase is no line: it stands in the list above the log. The stream tells all of them, so the server's list goes.
  phase(_row, { name, seconds, exit_code: code }) {
    const list = this.querySelector(".phases");
    if (!this.told) list.replaceChildren();
    this.told = true;
    const chip = [...list.children].find((one) => one.dataset.name === name) ?? document.createElement("li");
    chip.dataset.name = name;
    chip.dataset.tone = code ? "bad" : "ok";
    chip.textContent = `${name} ${seconds.toFixed(2)} s`;
    if (code) chip.append(` · ${this.dataset.failed.replace("%s", code)}`);
    list.append(chip);
    return null;
  }
}
customElements.define("m-log", Log);
