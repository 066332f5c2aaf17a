/* Decisions: one pop-up at a time, its first field focused, Escape closes it. Without this file they are plain details. */
"use strict";

(function () {
  var pops = document.querySelectorAll("details[data-pop]");

  pops.forEach(function (pop) {
    pop.addEventListener("toggle", function () {
      if (!pop.open) { return; }
      pops.forEach(function (other) { if (other !== pop) { other.open = false; } });
      var field = pop.querySelector("input:not([type=hidden]), textarea");
      if (field) { field.focus(); }
    });
  });

  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") { return; }
    pops.forEach(function (pop) {
      if (pop.open) { pop.open = false; pop.querySelector("summary").focus(); }
    });
  });
})();
