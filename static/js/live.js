// <m-live src="url">: keeps a fragment fresh while the tab is visible; says when it cannot.
class Live extends HTMLElement {
  connectedCallback() {
    this.every = Number(this.dataset.every || 2000);
    this.timer = setTimeout(() => this.refresh(), this.every);
  }
  disconnectedCallback() { clearTimeout(this.timer); }
  async refresh() {
    if (!document.hidden && !this.contains(document.activeElement)) await this.fetch();
    this.timer = setTimeout(() => this.refresh(), this.every);
  }
  async fetch() {
    const strip = document.getElementById("paused");
    try {
      const answer = await fetch(this.getAttribute("src"), { headers: { "X-Fragment": "1" }, redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      const text = await answer.text();
      if (text !== this.last) { this.innerHTML = text; this.last = text; }
      strip.hidden = true;
      const next = answer.headers.get("X-Go");
      if (next) location.assign(next);
      document.dispatchEvent(new Event("minato:swapped"));
    } catch { strip.hidden = false; }
  }
}
customElements.define("m-live", Live);
