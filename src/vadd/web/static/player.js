// The player and its tracks: one play head for both, by mouse, touch and keyboard.
"use strict";

(() => {
  const player = document.getElementById("player");
  if (!player) return;
  const byId = (id) => document.getElementById(id);
  const [video, sound, tracks, slider, head, readout] =
    ["video", "sound", "tracks", "slider", "head", "readout"].map(byId);
  const end = Number(player.dataset.end);
  const step = Number(player.dataset.step);
  const rows = [...document.querySelectorAll("#columns tr[data-start]")].map((row) => ({
    row,
    start: Number(row.dataset.start),
    end: Number(row.dataset.end),
    say: row.dataset.say,
  }));
  const flags = [...document.querySelectorAll(".case[data-from], tr[data-from]")]
    .map((each) => Number(each.dataset.from))
    .sort((a, b) => a - b);

  let at = 0; // where the play head is, also if nothing can be played
  let playable = true;
  let until = null; // where a stretch that is played by itself ends
  let here = null;
  let drawn = "";

  const within = (time) => Math.min(end, Math.max(0, time));

  function clock(time) {
    const tenths = Math.floor(time * 10 + 1e-6);
    const whole = Math.floor(tenths / 10);
    const two = (n) => String(n).padStart(2, "0");
    const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    const text = h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
    return tenths % 10 ? `${text}.${tenths % 10}` : text;
  }

  function columnAt(time) {
    for (const each of rows) if (time < each.end) return each;
    return rows[rows.length - 1];
  }

  // What the play head says; spoken text changes only when something new is under it.
  function told(time) {
    const found = columnAt(time);
    const where = player.dataset.at.replace("{time}", clock(time)).replace("{end}", clock(end));
    return found ? `${where} ${found.say}` : where;
  }

  function draw() {
    head.style.left = `${(100 * at) / end}%`;
    const found = columnAt(at);
    if (found !== here) {
      if (here) here.row.classList.remove("here");
      if (found) found.row.classList.add("here");
      here = found;
    }
    const text = told(Math.floor(at * 10) / 10);
    if (text === drawn) return;
    drawn = text;
    readout.textContent = text;
    slider.setAttribute("aria-valuenow", at.toFixed(1));
    slider.setAttribute("aria-valuetext", text);
  }

  function seek(time) {
    at = within(time);
    until = null;
    if (playable) {
      // The end itself would show nothing in some browsers; a hair before it the last frame.
      video.currentTime = Math.min(at, Math.max(0, (video.duration || end) - 0.01));
      follow();
    }
    draw();
  }

  // ---- The play head follows the picture ----
  function tick() {
    if (!playable) return;
    at = within(video.currentTime);
    if (until !== null && at >= until) {
      const stop = until;
      video.pause();
      until = null;
      at = stop;
    } else if (sound && video.currentTime >= end) {
      video.pause();
    }
    draw();
    if (!video.paused) requestAnimationFrame(tick);
  }
  video.addEventListener("play", () => requestAnimationFrame(tick));
  for (const name of ["timeupdate", "seeking", "seeked", "pause", "loadedmetadata"]) {
    video.addEventListener(name, () => tick());
  }

  // ---- What cannot be played is said, and the tracks go on without it ----
  function unplayable() {
    playable = false;
    byId("noplay").hidden = false;
    video.hidden = true;
    for (const each of document.querySelectorAll(".play")) each.hidden = true;
  }
  video.addEventListener("error", unplayable);
  if (video.error) unplayable();
  function lacksPicture() {
    if (video.readyState >= 1 && player.dataset.picture === "yes" && video.videoWidth === 0) {
      byId("nopicture").hidden = false;
    }
  }
  video.addEventListener("loadedmetadata", lacksPicture);
  lacksPicture();

  // ---- One file's picture with another's sound ----
  const NEAR = 0.08; // seconds that ears do not mind
  function follow() {
    if (!sound || sound.error || sound.readyState === 0) return;
    const wanted = Math.min(video.currentTime, sound.duration || video.currentTime);
    if (Math.abs(sound.currentTime - wanted) > NEAR) sound.currentTime = wanted;
  }
  if (sound) {
    let volume = 1;
    video.muted = true;
    const start = () => {
      follow();
      sound.playbackRate = video.playbackRate;
      if (!sound.error && video.currentTime < (sound.duration || 0)) sound.play().catch(() => {});
    };
    const stop = () => sound.pause();
    video.addEventListener("playing", start);
    for (const name of ["pause", "waiting", "ended", "seeking"]) video.addEventListener(name, stop);
    video.addEventListener("seeked", () => {
      follow();
      if (!video.paused) start();
    });
    video.addEventListener("ratechange", () => (sound.playbackRate = video.playbackRate));
    video.addEventListener("timeupdate", () => !video.paused && follow());
    // The player's own sound stays mute: its button and slider stand for the second file.
    video.addEventListener("volumechange", () => {
      if (!video.muted) {
        sound.muted = !sound.muted && video.volume === volume;
        video.muted = true;
      }
      volume = video.volume;
      sound.volume = volume;
    });
    const silent = () => (byId("nosound").hidden = false);
    sound.addEventListener("error", silent);
    if (sound.error) silent();
  }

  // ---- Mouse and touch ----
  function timeUnder(event) {
    const box = slider.getBoundingClientRect();
    return (end * (event.clientX - box.left)) / box.width;
  }
  let dragging = false;
  tracks.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.target.closest(".plot")) return;
    dragging = true;
    tracks.setPointerCapture(event.pointerId);
    slider.focus({ preventScroll: true });
    seek(timeUnder(event));
    event.preventDefault();
  });
  tracks.addEventListener("pointermove", (event) => dragging && seek(timeUnder(event)));
  for (const name of ["pointerup", "pointercancel"]) tracks.addEventListener(name, () => (dragging = false));

  for (const each of document.querySelectorAll(".jump")) {
    each.addEventListener("click", () => seek(Number(each.dataset.seek)));
  }
  for (const each of document.querySelectorAll(".play")) {
    each.addEventListener("click", () => {
      seek(Number(each.dataset.from));
      until = Number(each.dataset.to);
      player.scrollIntoView({ block: "start" });
      video.play().catch(() => {});
    });
  }

  // ---- Keyboard ----
  const next = () => flags.find((each) => each > at + 0.05);
  const previous = () => flags.filter((each) => each < at - 0.05).pop();
  const moves = {
    ArrowRight: () => at + step,
    ArrowUp: () => at + step,
    ArrowLeft: () => at - step,
    ArrowDown: () => at - step,
    PageUp: () => at + 10 * step,
    PageDown: () => at - 10 * step,
    Home: () => 0,
    End: () => end,
    n: next,
    N: next,
    p: previous,
    P: previous,
  };
  slider.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " || event.key === "Enter") {
      if (playable) {
        if (video.paused) video.play().catch(() => {});
        else video.pause();
      }
    } else if (event.key in moves) {
      const time = moves[event.key]();
      if (time !== undefined) seek(time);
    } else return;
    event.preventDefault();
  });

  byId("glass").hidden = false;
  byId("keys").hidden = false;
  draw();
})();
