// The pages beside the chat: theme, search, and what editors do. No text from anywhere becomes markup
// here but the answers of this server, whose pages are escaped there.
(() => {
  "use strict";
  const root = document.documentElement;
  const $ = (selector, from = document) => from.querySelector(selector);
  const recall = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const systemDark = window.matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    root.dataset.theme = recall("konkyo-theme") ?? (systemDark.matches ? "dark" : "light");
  };
  paint();
  systemDark.addEventListener("change", paint);

  // A request that nobody answers is told on top of the page, until one is answered.
  const plainFetch = window.fetch.bind(window);
  window.fetch = async (...request) => {
    try {
      const answer = await plainFetch(...request);
      $(".k-gone").hidden = true;
      return answer;
    } catch (problem) {
      if (problem.name !== "AbortError") $(".k-gone").hidden = false;
      throw problem;
    }
  };

  const parsed = (html) => new DOMParser().parseFromString(html, "text/html");
  // What the server refuses is told where the page says what became of an order, until one is obeyed.
  class Refused extends Error {}
  let refused = "";
  async function post(address, said) {
    const answer = await fetch(address, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(said),
    });
    const told = $("#k-told") ?? $("#k-sending");
    if (answer.ok) {
      if (told.textContent === refused) told.hidden = true;
      return answer;
    }
    refused = await refusal(answer);
    told.hidden = false;
    told.textContent = refused;
    told.dataset.good = "no";
    // The sign-in has ended: the page leads to the next one.
    if (answer.status === 401) window.location.reload();
    throw new Refused(refused);
  }
  async function refusal(answer) {
    try {
      const { detail } = await answer.json();
      if (typeof detail === "string") return detail;
    } catch { /* not an answer of ours, but a proxy's */ }
    return `${answer.status} ${answer.statusText}`;
  }
  const filled = (text, facts) => text.replace(/\{(\w+)\}/g, (_, name) => facts[name] ?? "");

  // ---- the list: searched as the reader types or chooses, without losing the place
  let searching = null;
  async function list(address) {
    searching?.abort();
    searching = new AbortController();
    let page;
    try {
      page = parsed(await (await fetch(address, { signal: searching.signal })).text());
    } catch { return; }
    const [fresh, old] = [$("#k-list", page), $("#k-list")];
    // From an empty index to one with articles, or back, the search form comes or goes.
    if (!fresh || !old || fresh.matches(".k-invitation") !== old.matches(".k-invitation")) {
      window.location.reload();
      return;
    }
    old.replaceWith(document.adoptNode(fresh));
    const [sources, before] = [$("#k-sources", page), $("#k-sources")];
    if (sources && before) {
      sources.open = before.open;
      before.replaceWith(document.adoptNode(sources));
    }
    for (const box of document.querySelectorAll(".k-choices")) {
      const same = `.k-choices:has(input[name="${$("input", box)?.name}"]) > summary`;
      const now = $(same, page);
      if (now) $("summary", box).textContent = now.textContent;
    }
  }
  function searchWhileTyping(form) {
    let waiting = 0;
    const search = () => {
      const chosen = [...new FormData(form)].filter(([, value]) => value);
      const address = `library?${new URLSearchParams(chosen)}`;
      history.replaceState(null, "", address);
      list(address);
    };
    form.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(search, 250);
    });
    form.addEventListener("submit", (event) => { event.preventDefault(); search(); });
  }

  // ---- the job
  let following = 0;
  function show(html) {
    const fresh = $("#k-job", parsed(html));
    if (!fresh) return;
    const ended = $("#k-job").dataset.job === "running" && fresh.dataset.job !== "running";
    $("#k-job").replaceWith(document.adoptNode(fresh));
    if (ended) list(window.location.href);
    follow();
  }
  const keepPlace = () => { $("#k-under-way").dataset.ordered = ""; };
  const leavePlace = () => {
    if ($("#k-job").dataset.job === "idle") delete $("#k-under-way").dataset.ordered;
  };
  function follow() {
    clearTimeout(following);
    if ($("#k-job")?.dataset.job !== "running") return;
    keepPlace();
    following = setTimeout(async () => {
      try { show(await (await fetch("library/job")).text()); } catch { follow(); }
    }, 700);
  }
  async function order(name, sources = [], yes = false) {
    const before = $("#k-job").dataset.job;
    $("#k-job").dataset.job = "running";
    keepPlace();
    try {
      show(await (await post("library/order", { order: name, sources, yes })).text());
    } catch (problem) {
      // Where nobody answered, the job is asked for until somebody does.
      if (problem instanceof Refused) $("#k-job").dataset.job = before;
      throw problem;
    }
    $("#k-job").scrollIntoView({ block: "nearest" });
  }

  // ---- handing over files
  async function whyNotSent(response, name, words) {
    if (response.status === 404) return filled(words.sentTooLate, { name });
    try {
      const { problem } = await response.json();
      if (problem) return problem;
    } catch { /* no answer of ours */ }
    return filled(words.notSent, { name });
  }
  async function send(files) {
    const work = $("#k-work");
    const told = $("#k-sending");
    const kept = [];
    const lost = [];
    keepPlace();
    told.hidden = false;
    for (const [at, file] of files.entries()) {
      const bar = document.createElement("progress");
      bar.max = files.length;
      bar.value = at;
      told.replaceChildren(
        filled(work.dataset.sending, { done: at + 1, total: files.length }), bar);
      if (file.size > work.dataset.limit) {
        lost.push(filled(work.dataset.sentTooLarge, { name: file.name }));
        continue;
      }
      try {
        const response = await fetch(`konkyo/upload/${encodeURIComponent(work.dataset.ticket)}`, {
          method: "POST",
          headers: { "x-file-name": encodeURIComponent(file.webkitRelativePath || file.name) },
          body: file,
        });
        if (response.ok) kept.push((await response.json()).path);
        else lost.push(await whyNotSent(response, file.name, work.dataset));
      } catch { lost.push(filled(work.dataset.notSent, { name: file.name })); }
    }
    told.hidden = !lost.length;
    told.replaceChildren(...lost.map((why) => {
      const line = document.createElement("p");
      line.textContent = why;
      return line;
    }));
    if (kept.length) await order("add", kept).catch(follow);
  }
  // A file that is dropped is added; the browser would leave the page for it.
  const { carries, dropped, kept, bring } = window.konkyoDrops;
  function takeDrops() {
    document.addEventListener("dragover", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      if ($("#k-work")) root.dataset.drop = "over";
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) delete root.dataset.drop;
    });
    document.addEventListener("drop", async (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      delete root.dataset.drop;
      if (!$("#k-work")) {
        // Editors alone have the settings.
        if ($('.k-bar a[href="settings"]')) await bring(event);
        return;
      }
      const found = await dropped(event);
      if (found.length) send(found);
    });
  }

  // ---- watched sources
  // Days are written as everywhere on the page; plain "en" would put the month first.
  const clock = new Intl.DateTimeFormat(root.lang === "en" ? "en-GB" : root.lang, {
    year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit",
  });
  const localTimes = (element) => {
    for (const time of element.querySelectorAll("time[data-local]")) {
      time.textContent = clock.format(new Date(time.dateTime));
    }
  };
  async function watch(said) {
    const fresh = $("#k-watch", parsed(await (await post("library/watch", said)).text()));
    if (!fresh) return;
    fresh.open = true;
    localTimes(fresh);
    $("#k-watch").replaceWith(document.adoptNode(fresh));
    if (said.do === "now") { $("#k-job").dataset.job = "running"; follow(); }
  }

  // ---- settings
  async function settings(wish) {
    const told = $("#k-told");
    told.hidden = false;
    told.textContent = "…";
    const said = Object.fromEntries(new FormData($("#k-settings")));
    let answer = null;
    try {
      answer = await (await post(`settings/${wish}`, said)).json();
    } catch (problem) {
      // What nobody answered is told on top of the page.
      told.hidden = !(problem instanceof Refused);
      return;
    }
    told.hidden = false;
    told.textContent = answer.told;
    told.dataset.good = answer.good ? "yes" : "no";
  }

  // ---- dialogs
  function ask(dialog) {
    return new Promise((answer) => {
      dialog.returnValue = "no";
      dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true });
      dialog.showModal();
    });
  }
  function confirmed(text, button) {
    $("#k-confirm-text").textContent = text;
    $("#k-yes").textContent = button.textContent;
    return ask($("#k-confirm"));
  }
  async function mark(facts) {
    const dialog = $("#k-mark");
    const [status, correction] = [$("[name=status]", dialog), $("[name=correction]", dialog)];
    $("#k-mark-text").textContent = facts.mark;
    status.value = facts.status;
    correction.value = facts.correction;
    if (!await ask(dialog)) return;
    const said = { article: facts.article, status: status.value, correction: correction.value };
    const { problem } = await (await post("library/mark", said)).json();
    const told = $("#k-sending");
    told.hidden = false;
    told.textContent = problem || $("#k-work").dataset.marked;
    list(window.location.href);
  }
  async function act(button) {
    const { act: name, order: wish, source = "", yes = "", facts = "" } = button.dataset;
    if (name === "keep") await order(wish, source.split("\n").filter(Boolean), yes === "yes");
    if (name === "rebuild" && await confirmed(facts, button)) await order("rebuild", [], true);
    if (name === "test-model") await settings("test");
    if (name === "watch") await watch({ do: button.dataset.do, source });
    if (name === "mark") await mark(JSON.parse(facts));
    if (name !== "remove") return;
    const { article, remove } = JSON.parse(facts);
    if (await confirmed(remove, button)) await order("remove", [article], true);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const form = $("#k-search");
    if (form) searchWhileTyping(form);
    document.addEventListener("click", (event) => {
      const button = event.target instanceof Element && event.target.closest("[data-act]");
      // What became of it, the job says as soon as the server is there again.
      if (button) act(button).catch(follow);
    });
    $("#k-settings")?.addEventListener("submit", (event) => {
      event.preventDefault();
      settings("save");
    });
    takeDrops();
    if ($("#k-work")) {
      follow();
      kept().then((files) => { if (files.length) send(files); }, () => {});
      // The list makes room with the press, not later when the files are there.
      document.addEventListener("click", (event) => {
        if (event.target.matches("[data-upload]")) keepPlace();
      });
      document.addEventListener("cancel", (event) => {
        if (event.target.matches("[data-upload]")) leavePlace();
      });
      document.addEventListener("change", (event) => {
        if (event.target.matches("[data-upload]") && event.target.files.length) {
          send([...event.target.files]);
          event.target.value = "";
        }
      });
      localTimes(document);
      document.addEventListener("submit", (event) => {
        if (event.target.id !== "k-watch-form") return;
        event.preventDefault();
        watch({ do: "add", source: event.target.source.value, hours: event.target.hours.value })
          .catch(follow);
      });
      $("#k-add").addEventListener("submit", (event) => {
        event.preventDefault();
        const area = event.target.sources;
        order("add", area.value.split("\n")).then(() => { area.value = ""; }, follow);
      });
    }
    root.dataset.page = "ready";
  });
})();
