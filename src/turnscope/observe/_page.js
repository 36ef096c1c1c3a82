"use strict";
(() => {
  const audio = document.getElementById("audio");
  const play = document.getElementById("play");
  const time = document.getElementById("time");
  const seek = document.getElementById("seek");
  const drawings = [...document.querySelectorAll("svg[data-from]")].map((svg) => ({
    svg,
    head: svg.querySelector(".playhead"),
    from: Number(svg.dataset.from),
    to: Number(svg.dataset.to),
    left: Number(svg.dataset.left),
    right: Number(svg.dataset.right),
    width: svg.viewBox.baseVal.width,
  }));
  const buttons = [...document.querySelectorAll("[data-at]")];
  const said = [...document.querySelectorAll("section:first-of-type [data-at]")];
  const length = Number(seek.getAttribute("aria-valuemax"));
  const moments = [...new Set(buttons.map((button) => Number(button.dataset.at)))].sort((a, b) => a - b);
  let at = 0; // where we are while there is nothing that plays
  let shown = null; // the stretch that was last brought into view

  const now = () => (audio ? audio.currentTime : at);

  function show() {
    const seconds = now();
    time.textContent = `${seconds.toFixed(2)} s`;
    seek.setAttribute("aria-valuenow", seconds.toFixed(2));
    seek.setAttribute("aria-valuetext", `${seconds.toFixed(1)} seconds`);
    for (const each of drawings) {
      const inside = seconds >= each.from && seconds < each.to;
      each.head.setAttribute("visibility", inside ? "visible" : "hidden");
      if (inside) {
        if (audio && !audio.paused && each !== shown && each.svg.closest("main")) {
          shown = each;
          each.svg.scrollIntoView({ block: "nearest" });
        }
        const x = each.left + ((seconds - each.from) / (each.to - each.from)) * (each.right - each.left);
        each.head.setAttribute("x1", x);
        each.head.setAttribute("x2", x);
      }
    }
    let current = null;
    for (const button of said) if (Number(button.dataset.at) <= seconds + 0.005) current = button;
    for (const button of said) button.closest("tr").classList.toggle("now", button === current);
  }

  function go(seconds) {
    at = Math.min(Math.max(seconds, 0), length);
    if (audio) audio.currentTime = at;
    show();
  }

  function start() {
    if (audio) audio.play();
  }

  function toggle() {
    if (!audio) return;
    if (audio.paused) start();
    else audio.pause();
  }

  function frame() {
    show();
    if (audio && !audio.paused) requestAnimationFrame(frame);
  }

  for (const each of drawings) {
    each.svg.addEventListener("click", (event) => {
      const box = each.svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * each.width;
      const share = Math.min(Math.max((x - each.left) / (each.right - each.left), 0), 1);
      go(each.from + share * (each.to - each.from));
      start();
    });
  }
  for (const button of buttons) {
    button.addEventListener("click", () => {
      go(Number(button.dataset.at));
      start();
    });
  }
  play.addEventListener("click", toggle);
  play.disabled = !audio;
  document.getElementById("speed").addEventListener("change", (event) => {
    if (audio) audio.playbackRate = Number(event.target.value);
  });
  if (audio) {
    for (const name of ["play", "pause", "ended"]) {
      audio.addEventListener(name, () => {
        play.textContent = audio.paused ? "Play" : "Pause";
        frame();
      });
    }
    audio.addEventListener("seeked", show);
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    const step = event.shiftKey ? 5 : 1;
    const keys = {
      " ": toggle,
      ArrowLeft: () => go(now() - step),
      ArrowRight: () => go(now() + step),
      Home: () => go(0),
      End: () => go(length),
      n: () => go(moments.find((each) => each > now() + 0.01) ?? length),
      p: () => go(moments.findLast((each) => each < now() - 0.3) ?? 0),
    };
    if (event.key === " " && event.target.tagName === "BUTTON") return; // presses the button
    if (event.key in keys) {
      event.preventDefault();
      keys[event.key]();
    }
  });
  show();
})();
