// <m-live src="url">: keeps a fragment fresh while the tab is visible; says when it cannot.
// In the answer, an element with data-into="id" goes to that element of the page instead; data-stop ends the asking.
class Live extends HTMLElement {
  connectedCallback() {
    this.every = Number(this.dataset.every || 2000);
    this.wake = () => { if (!document.hidden) this.now(); };
    document.addEventListener("visibilitychange", this.wake);
    if (!this.querySelector("[data-stop]")) this.timer = setTimeout(() => this.refresh(), this.every);
  }
  disconnectedCallback() {
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.wake);
  }
  now() {
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.refresh();
  }
  // The reader holds it: a focused field, a pressed button, a selected address.
  get held() {
    const chosen = getSelection();
    const selected = !chosen.isCollapsed && chosen.rangeCount > 0 && chosen.getRangeAt(0).intersectsNode(this);
    const asked = document.querySelector("dialog[open]");
    return selected || asked || this.contains(document.activeElement) || this.querySelector(":active") !== null;
  }
  async refresh() {
    if (!document.hidden && !this.held) await this.fetch();
    this.timer = this.querySelector("[data-stop]") ? undefined : setTimeout(() => this.refresh(), this.every);
  }
  async fetch() {
    const strip = document.getElementById("paused");
    try {
      const answer = await fetch(this.getAttribute("src"), { headers: { "X-Fragment": "1" }, redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = document.createElement("template");
      fresh.innerHTML = await answer.text();
      strip.hidden = true;
      if (this.held) return;
      for (const part of fresh.content.querySelectorAll("[data-into]")) {
        document.getElementById(part.dataset.into)?.replaceChildren(...part.childNodes);
        part.remove();
      }
      this.replaceChildren(fresh.content);
      const next = answer.headers.get("X-Go");
      if (next) location.assign(next);
      document.dispatchEvent(new Event("minato:swapped"));
    } catch { strip.hidden = false; }
  }
}
customElements.define("m-live", Live);
