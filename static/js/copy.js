// <m-copy for="id">: copies the text of an element and says so; where the browser forbids that, selects it.
class Copy extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("button");
    button.hidden = false;
    button.addEventListener("click", async () => {
      const source = document.getElementById(this.getAttribute("for"));
      try {
        await navigator.clipboard.writeText(source.textContent.trim());
      } catch {
        getSelection().selectAllChildren(source);
        return;
      }
      const before = button.textContent;
      button.textContent = this.dataset.done;
      setTimeout(() => { button.textContent = before; }, 2000);
    });
  }
}
customElements.define("m-copy", Copy);
