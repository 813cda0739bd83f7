"use strict";
// <value-of data-field="id">: what stands in that field just now; without this, what stood there.
class ValueOf extends HTMLElement {
  connectedCallback() {
    const field = document.getElementById(this.dataset.field);
    const show = () => { this.textContent = field.value.trim() || "–"; };
    field.addEventListener("input", show);
    // A browser that comes back to the page puts back what was typed without a word.
    window.addEventListener("pageshow", show);
  }
}
customElements.define("value-of", ValueOf);
