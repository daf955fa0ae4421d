// <m-log src="event stream" kind="deploy|app">: appends lines as they come, follows until the reader scrolls up.
const MOST = 5000;

class Log extends HTMLElement {
  connectedCallback() {
    this.list = this.querySelector("ol");
    this.frame = this.querySelector(".log");
    this.follow = true;
    this.frame.addEventListener("scroll", () => {
      this.follow = this.frame.scrollTop + this.frame.clientHeight >= this.frame.scrollHeight - 24;
    });
    this.waiting = [];
    this.source = new EventSource(this.getAttribute("src"));
    this.source.addEventListener("message", (event) => this.queue(event));
    for (const name of ["head", "body", "warn", "phase", "build", "end", "line", "gap"]) this.source.addEventListener(name, (event) => this.queue(event));
    this.source.addEventListener("open", () => { document.getElementById("paused").hidden = true; });
    this.source.addEventListener("error", () => { if (!this.over) document.getElementById("paused").hidden = false; });
  }
  disconnectedCallback() { this.source.close(); }
  queue(event) {
    this.waiting.push(event);
    if (this.waiting.length === 1) requestAnimationFrame(() => this.flush());
  }
  flush() {
    const rows = document.createDocumentFragment();
    for (const event of this.waiting) {
      const row = this.row(event);
      if (row) rows.append(row);
    }
    this.waiting = [];
    this.querySelector(".empty")?.remove();
    this.list.append(rows);
    while (this.list.childElementCount > MOST) this.list.firstElementChild.remove();
    if (this.follow) this.frame.scrollTop = this.frame.scrollHeight;
  }
  row(event) {
    const data = JSON.parse(event.data);
    const kind = event.type === "message" ? data.k : event.type;
    if (kind === "phase" || kind === "build") return null;
    const row = document.createElement("li");
    row.dataset.kind = kind;
    if (kind === "line") {
      row.dataset.source = data.source;
      row.dataset.level = data.level;
      const at = document.createElement("span");
      at.className = "at";
      at.textContent = `${data.at.slice(11, 23)} ${data.source}[${data.process}]: `;
      row.append(at, data.text);
      return row;
    }
    if (kind === "end") {
      this.over = true;
      this.source.close();
      this.dispatchEvent(new CustomEvent("minato:over", { bubbles: true, detail: data }));
      return null;
    }
    row.append(data.t ?? data.text ?? "");
    return row;
  }
}
customElements.define("m-log", Log);
