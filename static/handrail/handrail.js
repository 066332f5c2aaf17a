/* Keys and small comforts. Every page works without this file.

   data-key="A" on a button or link: the key presses it. data-key-focus="/" on a field: the key goes to it.
   data-submit-on-change on a form: a changed filter is applied at once. data-focus: takes the focus when the page opens.
   Single keys are off where <body data-keys="off">, and always while typing (WCAG 2.1.4). */
"use strict";

(function () {
  var keysAreOn = document.body.dataset.keys === "on";

  function isTyping(element) {
    return element.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]") !== null;
  }

  function targetOf(key, attribute) {
    return Array.prototype.find.call(document.querySelectorAll("[" + attribute + "]"), function (element) {
      return element.getAttribute(attribute).toLowerCase() === key && element.offsetParent !== null;
    });
  }

  function press(element) {
    if (element.disabled || element.getAttribute("aria-disabled") === "true") { return; }
    element.click();
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target)) { return; }
    var key = event.key.toLowerCase();
    var field = targetOf(key, "data-key-focus");
    var button = targetOf(key, "data-key");
    if (!field && !button) { return; }
    event.preventDefault();
    if (field) { field.focus(); field.select(); } else { press(button); }
  }

  function start(root) {
    root.querySelectorAll("form[data-submit-on-change]").forEach(function (form) {
      form.addEventListener("change", function () { form.requestSubmit(); });
      form.querySelectorAll("[data-without-script]").forEach(function (button) { button.hidden = true; });
    });
    root.querySelectorAll("[data-select-all]").forEach(function (button) {
      button.addEventListener("click", function () {
        document.querySelectorAll("input[data-group='" + button.dataset.selectAll + "']").forEach(function (box) {
          box.checked = !box.hasAttribute("data-flagged");
        });
      });
    });
  }

  /* After the browser has gone to the address's #fragment, which takes the focus away. */
  function takeFocus() {
    var focus = document.querySelector("[data-focus]");
    if (focus) { setTimeout(function () { focus.focus({ preventScroll: true }); }, 0); }
  }

  if (keysAreOn) { document.addEventListener("keydown", onKey); }
  start(document);
  window.addEventListener("load", takeFocus);
})();
