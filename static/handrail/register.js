/* Taking a register by keyboard: one key a mark, and the cursor goes down. The page works without this file.

   The keys count only while the cursor stands in the sheet (WCAG 2.1.4), and not where single keys are turned off. */
"use strict";

(function () {
  var sheet = document.querySelector("[data-register]");
  if (!sheet) { return; }
  var rows = Array.prototype.slice.call(sheet.querySelectorAll("[data-row]"));
  var keysAreOn = document.body.dataset.keys === "on";
  var present = sheet.dataset.present;
  var longest = sheet.dataset.minutes ? Number(sheet.dataset.minutes) : null;
  var hasClosed = "closed" in sheet.dataset;
  var everyCode = "everyCode" in sheet.dataset;
  /* What the last key did: its row, and the letters of a code that another key may complete. */
  var last = null;
  var saved = false;

  function radios(row) { return Array.prototype.slice.call(row.querySelectorAll("input[type=radio]")); }
  function radio(row, value) { return radios(row).find(function (input) { return input.value === value; }); }
  function field(row, name) { return row.querySelector("[name^='" + name + "-']"); }
  function checked(row) { return radios(row).find(function (input) { return input.checked; }); }

  function codeOf(row) {
    var button = checked(row);
    var list = field(row, "other");
    return button ? button.value : list ? list.value : "";
  }

  function focus(row) {
    if (!row) { return; }
    (checked(row) || radios(row)[0]).focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  function move(row, by) { focus(rows[rows.indexOf(row) + by] || row); }

  /* True where the row offers the code. */
  function mark(row, code) {
    var button = radio(row, code);
    var list = field(row, "other");
    if (button) {
      button.checked = true;
    } else if (list && Array.prototype.some.call(list.options, function (option) { return option.value === code; })) {
      radios(row).forEach(function (input) { input.checked = false; });
      list.value = code;
    } else {
      return false;
    }
    shown(row);
    return true;
  }

  function clear(row) {
    radios(row).forEach(function (input) { input.checked = input.defaultChecked; });
    var list = field(row, "other");
    if (list) { Array.prototype.forEach.call(list.options, function (option) { option.selected = option.defaultSelected; }); }
    field(row, "minutes").value = field(row, "minutes").defaultValue;
    shown(row);
  }

  /* Late or after closing: by the minutes where they are given, otherwise by the clock. */
  function late(row) {
    var minutes = field(row, "minutes").value;
    var after = minutes !== "" && longest !== null ? Number(minutes) > longest : hasClosed;
    return (after && mark(row, "U")) || mark(row, "L");
  }

  function shown(row) {
    var list = field(row, "other");
    if (list && checked(row)) { list.value = ""; }
    counted();
  }

  function counted() {
    var codes = Array.prototype.map.call(sheet.querySelectorAll(".register__row"), function (row) {
      return "row" in row.dataset ? codeOf(row) : row.querySelector(".register__print").textContent;
    });
    function number(wanted) { return codes.filter(function (code) { return wanted.indexOf(code) >= 0; }).length; }
    var figures = [number([""]), number([present]), number(["N"]), number(["L", "U"])];
    sheet.querySelectorAll("[data-counts] strong").forEach(function (place, at) { place.textContent = figures[at]; });
    var note = sheet.querySelector("[data-unsaved]");
    if (note) { note.hidden = !isChanged(); }
  }

  function isChanged() {
    return Array.prototype.some.call(sheet.querySelectorAll("[data-row] input, [data-row] select"), function (input) {
      if (input.type === "radio") { return input.checked !== input.defaultChecked; }
      if (input.tagName === "SELECT") {
        return Array.prototype.some.call(input.options, function (option) {
          return option.selected !== option.defaultSelected && (option.value !== "" || input.querySelector("[selected]"));
        });
      }
      return input.type !== "hidden" && input.value !== input.defaultValue;
    });
  }

  function othersPresent() {
    rows.forEach(function (row) { if (!codeOf(row)) { mark(row, present); } });
    var save = sheet.querySelector(".sticky-foot .button--primary");
    if (save) { save.focus(); }
  }

  /* A digit after a letter: the second character of a code, or the minutes of who is late. */
  function digit(key) {
    if (!last) { return false; }
    if (last.pending && mark(last.row, last.pending + key)) {
      if (last.waits) { move(last.row, 1); }
      last = { row: last.row };
      return true;
    }
    var code = codeOf(last.row);
    if (code !== "L" && code !== "U") { return false; }
    var minutes = field(last.row, "minutes");
    if ((last.typed || "").length >= 3) { return true; }
    last.typed = (last.typed || "") + key;
    minutes.value = last.typed;
    return late(last.row);
  }

  function letter(row, key, shifted) {
    var code = key.toUpperCase();
    if (key === "/" || key === "\\" || (code === "P" && !shifted)) { return done(row, mark(row, present), ""); }
    if (code === "L") { field(row, "minutes").value = ""; return done(row, late(row), ""); }
    if (code === "N") { return done(row, mark(row, "N"), ""); }
    if (!everyCode && code !== "U") { return false; }
    if (mark(row, code)) { return done(row, true, code); }
    if (hasLonger(row, code)) { last = { row: row, pending: code, waits: true }; return true; }
    return false;
  }

  function hasLonger(row, code) {
    var list = field(row, "other");
    return Boolean(list) && Array.prototype.some.call(list.options, function (option) {
      return option.value.length === 2 && option.value[0] === code;
    });
  }

  function done(row, isMarked, pending) {
    if (!isMarked) { return false; }
    last = { row: row, pending: pending };
    move(row, 1);
    return true;
  }

  function takeBack(row) {
    var which = last ? last.row : row;
    clear(which);
    last = null;
    focus(which);
    return true;
  }

  function pressed(event) {
    var row = event.target.closest("[data-row]");
    if (!row || event.ctrlKey || event.metaKey || event.altKey) { return false; }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (event.target.tagName === "SELECT") { return false; }
      last = null;
      move(row, event.key === "ArrowDown" ? 1 : -1);
      return true;
    }
    if (event.target.type !== "radio" || !keysAreOn) { return false; }
    if (event.key === "Home" || event.key === "End") { last = null; focus(rows[event.key === "Home" ? 0 : rows.length - 1]); return true; }
    if (event.key === "Backspace") { return takeBack(row); }
    if (event.key.length !== 1 || event.key === " ") { return false; }
    if (/[0-9]/.test(event.key)) { return digit(event.key); }
    if (event.key.toLowerCase() === "a") { othersPresent(); return true; }
    return letter(row, event.key, event.shiftKey);
  }

  sheet.addEventListener("keydown", function (event) {
    if (pressed(event)) { event.preventDefault(); }
  });
  sheet.addEventListener("change", function (event) {
    var row = event.target.closest("[data-row]");
    if (!row) { return; }
    if (event.target.tagName === "SELECT" && event.target.value) { mark(row, event.target.value); }
    if (event.target.name.indexOf("minutes-") === 0 && (codeOf(row) === "L" || codeOf(row) === "U")) { late(row); }
    shown(row);
  });
  sheet.addEventListener("submit", function () { saved = true; });
  var others = sheet.querySelector("[data-others]");
  if (others) {
    others.addEventListener("click", function (event) { event.preventDefault(); othersPresent(); });
  }
  /* The browser asks before marks that are not saved are left behind. */
  window.addEventListener("beforeunload", function (event) {
    if (!saved && isChanged()) { event.preventDefault(); }
  });
  window.addEventListener("load", function () {
    if (!document.querySelector("[data-focus]")) { focus(rows.find(function (row) { return !codeOf(row); }) || rows[0]); }
  });
})();
