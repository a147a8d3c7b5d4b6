// Sending files, following a job, and saying aloud what changes. The pages work without it, by plain forms.
"use strict";

(() => {
  const root = document.documentElement;
  root.classList.add("js");
  for (const each of document.querySelectorAll(".needs-script")) each.hidden = false;

  const byId = (id) => document.getElementById(id);
  // Texts come from the page, in its language; {name} in them is put in here, as text.
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all));

  // ---- What a screen reader is told ----
  let told = "";
  function announce(text) {
    const live = byId("live");
    if (!live || !text || text === told) return;
    told = text;
    live.textContent = text;
  }
  function announceChanges() {
    const found = document.querySelector("[data-announce]");
    if (found) announce(found.dataset.announce);
  }

  function localTimes(within) {
    for (const each of within.querySelectorAll("time[datetime]")) {
      const moment = new Date(each.dateTime);
      if (!Number.isNaN(moment.getTime())) {
        each.textContent = moment.toLocaleString(root.lang, { dateStyle: "medium", timeStyle: "short" });
      }
    }
  }

  // ---- Following a job: the server says that something changed, htmx fetches what it looks like now ----
  let events = null;
  function follow() {
    const address = document.body.dataset.events;
    if (!address || !window.EventSource) return;
    events = new EventSource(address);
    events.addEventListener("job", (event) => {
      if (["done", "failed", "cancelled"].includes(JSON.parse(event.data).state)) window.location.reload();
      else htmx.trigger(document.body, "vadd:job");
    });
    // The page also asks by itself every other second, so a broken stream costs nothing but time.
    events.addEventListener("error", () => events.close());
  }
  window.addEventListener("pagehide", () => events && events.close());

  document.addEventListener("htmx:afterSettle", () => {
    localTimes(document);
    announceChanges();
  });
  // What had the focus may be gone with what was deleted or cancelled.
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.requestConfig.verb !== "post") return;
    setTimeout(() => {
      const title = byId("jobs-title");
      if (title && document.activeElement === document.body) title.focus();
    }, 50);
  });

  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  // ---- Sending files, one after the other ----
  class Sending {
    constructor(form, label, parts) {
      this.form = form;
      this.label = label;
      this.body = bodyOf(form, parts);
      this.size = Math.max(...parts.map(([, file]) => file.size));
      this.row = document.createElement("li");
      this.say = this.row.appendChild(document.createElement("span"));
      this.say.className = "say";
      this.bar = this.row.appendChild(document.createElement("progress"));
      this.bar.max = 100;
      this.bar.value = 0;
      this.bar.setAttribute("aria-label", label);
      this.stopped = false;
      if (form.dataset.stop) {
        const stop = this.row.appendChild(document.createElement("button"));
        stop.type = "button";
        stop.className = "small";
        stop.textContent = form.dataset.stopShort;
        stop.setAttribute("aria-label", fill(form.dataset.stop, { name: label }));
        stop.addEventListener("click", () => this.stop());
        this.button = stop;
      }
      byId("sending").append(this.row);
      this.tell("waiting", {});
    }

    tell(key, values) {
      const text = this.form.dataset[key];
      if (text) this.say.textContent = fill(text, { name: this.label, ...values });
    }

    stop() {
      this.stopped = true;
      if (this.request) this.request.abort();
      this.end("stopped");
    }

    end(key) {
      this.tell(key, {});
      this.bar.remove();
      if (this.button) this.button.remove();
      announce(this.say.textContent);
      if (key === "sent") setTimeout(() => this.row.remove(), 3000);
    }

    refused(text) {
      this.say.textContent = text;
      this.say.classList.add("problem");
      this.bar.remove();
      if (this.button) this.button.remove();
      announce(this.say.textContent);
    }

    // Resolves to the address of the job's page, or to null.
    async run() {
      if (this.size > Number(this.form.dataset.most)) {
        this.refused(fill(this.form.dataset.large, { name: this.label }));
        return null;
      }
      let lost = 0;
      while (!this.stopped) {
        const { status, retry, location, text } = await this.once();
        if (this.stopped) return null;
        if (status === 201) {
          this.end("sent");
          return location;
        }
        if (status === 429 || status === 503) {
          for (let left = retry; left > 0 && !this.stopped; left -= 1) {
            this.tell("full", { n: left });
            await new Promise((done) => setTimeout(done, 1000));
          }
          continue;
        }
        // A server that has no room hangs up before it has read all; the browser then tells no status.
        if (status === 0 && (lost += 1) < 4) {
          await new Promise((done) => setTimeout(done, 1500));
          continue;
        }
        if (status === 0) this.tell("lost", {});
        this.refused(status === 0 ? this.say.textContent : `${this.label}: ${text}`);
        return null;
      }
      return null;
    }

    once() {
      return new Promise((done) => {
        const request = (this.request = new XMLHttpRequest());
        request.open("POST", this.form.action);
        request.setRequestHeader("X-Vadd-Script", "1");
        request.upload.addEventListener("progress", (event) => {
          if (!event.lengthComputable || this.stopped) return;
          this.bar.value = Math.floor((100 * event.loaded) / event.total);
          this.tell("sending", { n: this.bar.value });
        });
        request.addEventListener("loadend", () =>
          done({
            status: request.status,
            retry: Math.min(60, Math.max(1, Number(request.getResponseHeader("Retry-After")) || 5)),
            location: request.getResponseHeader("Location"),
            text: request.status ? request.responseText.slice(0, 500) : "",
          }),
        );
        request.send(this.body);
      });
    }
  }

  function bodyOf(form, parts) {
    const body = new FormData();
    const rate = form.querySelector("[name=false_alarms]");
    if (rate) body.append("false_alarms", rate.value);
    for (const [name, file] of parts) body.append(name, file, file.name);
    return body;
  }

  let queue = Promise.resolve();
  let all = 0;
  let sent = 0;

  function send(form, files) {
    if (!files.length) {
      announce(form.dataset.none);
      const row = document.createElement("li");
      row.textContent = form.dataset.none;
      byId("sending").append(row);
      setTimeout(() => row.remove(), 6000);
      return;
    }
    const alone = files.length === 1 && all === sent;
    all += files.length;
    for (const file of files) {
      const sending = new Sending(form, file.name, [["file", file]]);
      queue = queue.then(async () => {
        const page = await sending.run();
        sent += 1;
        if (page) htmx.trigger(document.body, "vadd:jobs");
        if (page && alone && all === 1) window.location.assign(page);
        else if (all > 1) announce(fill(form.dataset.summary, { n: sent, all }));
        if (all === sent) all = sent = 0;
      });
    }
  }

  const suffixes = (form) => form.dataset.suffixes.split(",");
  const isMedia = (form, name) =>
    !name.startsWith(".") && suffixes(form).some((each) => name.toLowerCase().endsWith(each));

  // All files of a dropped folder; a browser hands entries out a hundred at a time.
  async function filesOf(entry) {
    if (entry.isFile) return [await new Promise((done, failed) => entry.file(done, failed))];
    const reader = entry.createReader();
    const found = [];
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!some.length) break;
      for (const each of some) found.push(...(await filesOf(each)));
    }
    return found;
  }

  async function dropped(form, transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry());
    if (!entries.some((entry) => entry && entry.isDirectory)) return [...transfer.files];
    const found = [];
    for (const entry of entries) {
      if (!entry) continue;
      const files = await filesOf(entry);
      found.push(...(entry.isDirectory ? files.filter((file) => isMedia(form, file.name)) : files));
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  const drop = byId("drop");
  if (drop) {
    const files = byId("files");
    const folder = byId("folder");
    files.multiple = true;
    files.addEventListener("change", () => {
      send(drop, [...files.files]);
      files.value = "";
    });
    folder.addEventListener("change", () => {
      send(drop, [...folder.files].filter((file) => isMedia(drop, file.name)));
      folder.value = "";
    });
    let depth = 0;
    const carries = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
    // Anywhere on the page: a file that misses the box must not replace the page.
    document.addEventListener("dragenter", (event) => {
      if (carries(event)) drop.classList.toggle("over", ++depth > 0);
    });
    document.addEventListener("dragleave", (event) => {
      if (carries(event)) drop.classList.toggle("over", --depth > 0);
    });
    document.addEventListener("dragover", (event) => carries(event) && event.preventDefault());
    document.addEventListener("drop", async (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      depth = 0;
      drop.classList.remove("over");
      send(drop, await dropped(drop, event.dataTransfer));
    });
    window.addEventListener("beforeunload", (event) => {
      if (all > sent && all > 1) event.preventDefault();
    });
  }

  const pair = byId("pair");
  if (pair) {
    pair.addEventListener("submit", async (event) => {
      event.preventDefault();
      const picture = byId("picture").files[0];
      const sound = byId("sound").files[0];
      const button = pair.querySelector("button[type=submit]");
      button.disabled = true;
      const parts = [["picture", picture], ["sound", sound]];
      const page = await new Sending(pair, `${picture.name} + ${sound.name}`, parts).run();
      button.disabled = false;
      if (page) window.location.assign(page);
    });
  }

  const print = byId("print");
  if (print) print.addEventListener("click", () => window.print());

  localTimes(document);
  follow();
})();
