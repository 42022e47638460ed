// The page: one delegated listener a column; no text from anywhere becomes markup here.
(() => {
  "use strict";
  const root = document.documentElement;
  const $ = (selector, from = document) => from.querySelector(selector);
  const narrow = window.matchMedia("(max-width: 860px)");
  const roomy = window.matchMedia("(min-width: 1100px)");
  const LOOK_AGAIN = 10_000; // milliseconds

  // Which conversation this tab shows: named in the address, so that a reload finds it again, and told
  // with every request, so that any server does.
  const inAddress = () => {
    const named = new URL(window.location.href).searchParams.get("c") ?? "";
    return /^[0-9a-f]{32}$/.test(named) ? named : "";
  };
  const fresh = () => [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0")).join("");
  let current = inAddress() || fresh();
  // Until the conversation is here, no welcome is shown in its place.
  if (inAddress()) root.dataset.opening = "";
  const addressOf = (id) => (id ? `${window.location.pathname}?c=${id}` : window.location.pathname);
  const keepInAddress = () => history.replaceState(history.state, "", addressOf(current));
  // What lies over the page is an entry of the browser's history, so that Back closes it.
  const moveTo = (address) => {
    if (history.state?.over) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
  };

  const connectedFetch = window.fetch.bind(window);
  window.fetch = (input, init) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input, location.href);
    if (init?.method === "POST" && pathname.includes("/gradio_api/")) {
      const headers = new Headers(init.headers);
      headers.set("x-konkyo-conversation", current);
      init = { ...init, headers };
    }
    return connectedFetch(input, init);
  };

  // Light or dark: the reader's choice, kept in this browser; otherwise the system's.
  const remember = (key, value) => {
    try { localStorage.setItem(key, value); } catch { /* storage is refused: forget it */ }
  };
  const recall = (key) => {
    try { return localStorage.getItem(key); } catch { return null; }
  };
  const sessionStorageOf = (key) => {
    try { return sessionStorage.getItem(key); } catch { return null; }
  };
  // What is being written outlives a reload, which a change of the language is, too.
  window.addEventListener("pagehide", () => {
    try { sessionStorage.setItem("konkyo-draft", box()?.value ?? ""); } catch { /* refused */ }
  });
  const systemDark = window.matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (recall("konkyo-theme") ?? (systemDark.matches ? "dark" : "light")) === "dark";
  const paint = () => { root.dataset.theme = dark() ? "dark" : "light"; };
  paint();
  systemDark.addEventListener("change", paint);

  // The page's language is the one its words are in, whatever the framework thinks.
  const speak = () => {
    if (root.dataset.language && root.lang !== root.dataset.language) root.lang = root.dataset.language;
  };
  new MutationObserver(speak).observe(root, { attributes: true, attributeFilter: ["lang"] });

  const reduced = window.matchMedia("(prefers-reduced-motion: reduce)");
  const glide = () => (reduced.matches ? "auto" : "smooth");

  const box = () => $("#k-box textarea");
  const limit = () => Number($(".k-count")?.dataset.limit ?? Infinity);
  // The parts of the page come in no fixed order: what is put into the box waits for it and its counter.
  let counting = () => {};
  const counted = new Promise((done) => { counting = done; });
  const drawn = (find) => new Promise((done) => {
    const look = () => { if (find()) done(); else requestAnimationFrame(look); };
    look();
  });
  const writable = () => Promise.all([counted, drawn(box)]);

  // ---- what lies over the page on a narrow screen: a source, or the list of conversations
  const over = () => root.dataset.source === "open" || (root.dataset.side === "open" && !roomy.matches);
  function cover() {
    if (!history.state?.over && over()) history.pushState({ over: true }, "");
  }
  function uncover() {
    if (history.state?.over) history.back(); else closeAll();
  }
  function closeAll() {
    if (root.dataset.side === "open" && !roomy.matches) {
      root.dataset.side = "closed";
      if ($("#k-side")?.contains(document.activeElement)) $('#k-top [data-act="side"]')?.focus();
    }
    if (root.dataset.source !== "open") return;
    delete root.dataset.source;
    opener?.isConnected && opener.focus();
  }
  let opener = null;
  function showSource() {
    root.dataset.source = "open";
    if (narrow.matches) cover();
  }
  const settleSide = () => {
    root.dataset.side = roomy.matches ? recall("konkyo-side") ?? "open" : "closed";
  };
  settleSide();
  roomy.addEventListener("change", settleSide);
  function turnSide() {
    if (root.dataset.side === "open" && !roomy.matches) { uncover(); return; }
    root.dataset.side = root.dataset.side === "open" ? "closed" : "open";
    if (roomy.matches) remember("konkyo-side", root.dataset.side);
    else { cover(); $("#k-side input")?.focus(); }
  }
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    if (event.target.closest('[data-act="leave"]')) leave();
    else if (event.target.closest('[data-act="side"]')) turnSide();
    else if (root.dataset.side === "open" && !roomy.matches && event.target.isConnected
      && !event.target.closest("#k-side, .k-toast")) uncover();
  });
  const leave = () => {
    connectedFetch("logout", { method: "POST" }).finally(() => window.location.reload());
  };
  window.addEventListener("popstate", () => {
    closeAll();
    const named = inAddress();
    if (named === current || (!named && !shownTurns())) return;
    current = named || fresh();
    show();
  });
  const shownTurns = () => document.querySelectorAll(".k-turn").length;
  let show = () => {};
  function startNew() {
    closeAll();
    current = fresh();
    moveTo(addressOf(""));
    show();
    box()?.focus();
  }

  // ---- the tooltip that shows a quote while a number is pointed at
  const peek = document.createElement("div");
  peek.className = "k-peek";
  peek.id = "k-peek";
  peek.setAttribute("role", "tooltip");
  peek.hidden = true;
  let peeking = null;
  function showPeek(cite) {
    const card = $(`.k-card[data-turn="${cite.dataset.turn}"][data-n="${cite.dataset.n}"]`);
    if (!card) return;
    if (!peek.isConnected) document.body.append(peek);
    peek.replaceChildren(...[".k-card-quote", ".k-status-note", ".k-card-title", ".k-meta"].flatMap((part) => {
      const found = $(part, card);
      return found ? [found.cloneNode(true)] : [];
    }));
    peek.hidden = false;
    const at = cite.getBoundingClientRect();
    const size = peek.getBoundingClientRect();
    const left = Math.max(8, Math.min(at.left + at.width / 2 - size.width / 2,
      root.clientWidth - size.width - 8));
    const above = at.top - size.height - 8;
    peek.style.left = `${left}px`;
    peek.style.top = `${above > 8 ? above : at.bottom + 8}px`;
    cite.setAttribute("aria-describedby", "k-peek");
    peeking = cite;
  }
  function hidePeek() {
    peek.hidden = true;
    peeking?.removeAttribute("aria-describedby");
    peeking = null;
  }
  const citeOf = (event) => event.target instanceof Element ? event.target.closest(".k-cite") : null;

  // ---- sharing
  const linkTo = (question) => {
    const url = new URL(window.location.href);
    url.search = "";
    url.hash = "";
    url.searchParams.set("q", question);
    return url.toString();
  };
  async function copy(button, text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const label = button.textContent;
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = label; }, 1400);
  }
  function compose(text) {
    const area = box();
    if (!area) return;
    area.value = text;
    area.dispatchEvent(new Event("input", { bubbles: true }));
    area.focus();
  }

  // ---- folds stay as the reader left them while the page around them is renewed
  const unfolded = new Set();
  function keepFolds(element) {
    element.addEventListener("click", (event) => {
      const summary = event.target instanceof Element && event.target.closest("summary");
      const fold = summary && summary.closest("details[data-fold]");
      if (fold) fold.open ? unfolded.delete(fold.dataset.fold) : unfolded.add(fold.dataset.fold);
    });
    return () => {
      for (const fold of element.querySelectorAll("details[data-fold]")) {
        if (unfolded.has(fold.dataset.fold) && !fold.open) fold.open = true;
      }
    };
  }

  function opens(element, trigger, name) {
    element.addEventListener("click", (event) => {
      const button = event.target instanceof Element && event.target.closest('[data-act="open"]');
      if (!button) return;
      hidePeek();
      opener = button;
      const { article, start, end, n, turn } = button.dataset;
      for (const old of document.querySelectorAll(".k-current")) old.classList.remove("k-current");
      button.classList.add("k-current");
      showSource();
      trigger(name, { article, start, end, n, turn });
    });
  }
  let showArticles = () => {};
  let searchFor = () => {};
  let revoke = () => {};
  const linkOf = (token) => new URL(`share/${token}`, window.location.href).toString();
  let unfilter = () => {};

  // A file made of text that the server sent; nothing is opened or run.
  function handOver(name, text) {
    const url = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }
  window.konkyo = {
    conversation(element, trigger, watch, ask, open, opinion, translate, follow, share) {
      element.setAttribute("role", "log");
      const refold = keepFolds(element);
      opens(element, trigger, open);
      const put = (question, more = {}) => {
        following = true;
        trigger(ask, { question, ...more });
      };
      element.addEventListener("click", (event) => {
        const button = event.target instanceof Element && event.target.closest("[data-act]");
        if (!button) return;
        const { act, text, question, turn } = button.dataset;
        if (act === "ask") put(question);
        if (act === "widen") { unfilter(); put(question, { widen: 1 }); }
        if (act === "lenient") put(question, { lenient: 1 });
        if (act === "good") trigger(opinion, { turn, verdict: "up" });
        const form = turn && $(`.k-why-form[data-turn="${turn}"]`, element);
        if (act === "bad" && form) {
          form.hidden = !form.hidden;
          if (!form.hidden) $("select", form).focus();
        }
        if (act === "blame" && form) {
          const [reason, correction] = [$("select", form).value, $("input", form).value];
          trigger(opinion, { turn, verdict: "down", reason, correction });
        }
        if (act === "translate") {
          const { article, start, end, n } = button.dataset;
          following = false;
          translated = { turn, n };
          trigger(translate, { turn, article, start, end });
        }
        if (act === "retry") put(text);
        if (act === "edit") compose(text);
        if (act === "copy") copy(button, text);
        if (act === "link") copy(button, linkTo(text));
        if (act === "share") trigger(share, { turn });
      });
      for (const [on, off] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
        element.addEventListener(on, (event) => { const c = citeOf(event); if (c) showPeek(c); });
        element.addEventListener(off, (event) => { if (citeOf(event)) hidePeek(); });
      }
      // Follow the newest answer unless the reader has scrolled away from it.
      let following = true;
      let translated = null;
      let turns = 0;
      const pane = element.closest("#k-conversation") ?? element;
      pane.addEventListener("wheel", () => { following = false; }, { passive: true });
      pane.addEventListener("touchmove", () => { following = false; }, { passive: true });
      let answered = 0;
      // What may still change is followed, the questions after an answer too; again after a while
      // without news, as the server may be another.
      let again = 0;
      const followOn = () => {
        clearTimeout(again);
        if (!$("[data-changing]", element)) return;
        if (!$("[data-live]", element)) trigger(follow);
        again = setTimeout(() => trigger(follow), 15_000);
      };
      document.addEventListener("visibilitychange", () => {
        if (document.visibilityState === "visible" && shownTurns()) trigger(follow);
      });
      document.addEventListener("konkyo-connected", () => { if (shownTurns()) trigger(follow); });
      let shown = current;
      watch("value", () => {
        const named = $("[data-conversation]", element)?.dataset.conversation;
        if (named) delete root.dataset.opening;
        if (named && named !== current) { show(); return; }
        followOn();
        refold();
        const all = element.querySelectorAll(".k-turn");
        const last = all[all.length - 1];
        if (last && last.dataset.state === "done" && answered !== all.length) {
          answered = all.length;
          document.dispatchEvent(new Event("konkyo-answered"));
        }
        if (all.length !== turns || shown !== current) {
          // A link to an earlier answer does not lie over the next one.
          $(".k-share")?.remove();
          turns = all.length;
          following = true;
          shown = current;
          if (last) keepInAddress();
        }
        if (last && following) last.scrollIntoView({ block: "start", behavior: glide() });
        // The button that was pressed is gone: who uses a keyboard goes on from what took its place.
        const instead = translated && $(`.k-translation[data-turn="${translated.turn}"][data-n="${translated.n}"]`, element);
        if (instead && document.activeElement === document.body) instead.focus({ preventScroll: true });
        if (instead && instead.dataset.state !== "busy") {
          translated = null;
          document.dispatchEvent(new Event("konkyo-answered"));
        }
        if (last && last.dataset.state === "done" && document.activeElement === document.body && !narrow.matches) box()?.focus();
      });
      // Somebody may have asked before this script listened.
      followOn();
      const asked = new URL(window.location.href).searchParams.get("q");
      root.dataset.page = "ready";
      const draft = sessionStorageOf("konkyo-draft");
      if (draft) writable().then(() => compose(draft));
      if (asked && asked.trim() && !inAddress()) {
        keepInAddress();
        writable().then(() => {
          if ([...asked.trim()].length > limit()) compose(asked.trim());
          else trigger(ask, { question: asked.trim() });
        });
      }
    },

    // How long the question is; one that is too long is kept and cannot be sent.
    count(element) {
      const note = $(".k-count", element);
      const over = () => [...(box()?.value ?? "").trim()].length > limit();
      document.addEventListener("input", (event) => {
        if (event.target !== box()) return;
        const used = [...event.target.value.trim()].length;
        note.hidden = used < limit() * 0.8;
        $("[data-used]", note).textContent = used;
        $("[data-words]", note).hidden = !over();
        note.toggleAttribute("data-over", over());
        event.target.toggleAttribute("aria-invalid", over());
      });
      const hold = (event) => {
        if (over()) { event.preventDefault(); event.stopImmediatePropagation(); }
      };
      document.addEventListener("keydown", (event) => {
        if (event.target === box() && event.key === "Enter" && !event.shiftKey) hold(event);
      }, true);
      document.addEventListener("click", (event) => {
        if (event.target instanceof Element && event.target.closest("#k-ask")) hold(event);
      }, true);
      counting();
    },

    filters(element, trigger, watch, narrow, widened) {
      const refold = keepFolds(element);
      const fields = () => [...element.querySelectorAll("[data-filter]")];
      const told = (field) =>
        (field.tagName === "SELECT" ? $("option[selected]", field)?.value : field.getAttribute("value")) ?? "";
      const differs = (from) => fields().some((field) => field.value !== from(field));
      let last = "";
      // What was chosen last in this conversation: an answer on its way from before may still come.
      let wanted = null;
      const choose = () => {
        const values = Object.fromEntries(fields().map((field) => [field.dataset.filter, field.value]));
        wanted = { values, conversation: current };
        keepInAddress();
        trigger(narrow, values);
      };
      unfilter = () => { wanted = null; trigger(widened); };
      element.addEventListener("change", (event) => {
        last = event.target.dataset.filter ?? "";
        choose();
      });
      element.addEventListener("click", (event) => {
        const act = event.target instanceof Element && event.target.closest("[data-act]")?.dataset.act;
        if (act === "unfilter") unfilter();
      });
      watch("value", () => {
        refold();
        // The framework keeps what stands in a field; what the server says is chosen counts.
        for (const field of fields()) field.value = told(field);
        const { values, conversation } = wanted ?? {};
        if (conversation === current && differs((field) => values[field.dataset.filter])) {
          wanted = null; // once: the server may have its reasons
          trigger(narrow, values);
        }
        if (last) $(`[data-filter="${last}"]`, element)?.focus();
        last = "";
      });
      // Somebody may have chosen before this script listened.
      if (differs(told)) choose();
    },

    shared(element, watch) {
      element.addEventListener("click", (event) => {
        const button = event.target instanceof Element && event.target.closest("[data-act]");
        if (!button) return;
        const { act, token } = button.dataset;
        if (act === "copy-share") copy(button, linkOf(token));
        if (act === "revoke") revoke(token);
        if (act === "close-share" || act === "revoke") $(".k-share", element).remove();
      });
      watch("value", () => {
        const field = $("input", element);
        const note = $(".k-toast", element);
        if (note) setTimeout(() => { note.hidden = true; }, 6000);
        if (!field) return;
        field.value = linkOf(field.dataset.token);
        field.focus();
        field.select();
      });
    },

    search(element) {
      const field = $("input", element);
      let later = 0;
      field.addEventListener("input", () => {
        clearTimeout(later);
        later = setTimeout(() => searchFor(field.value), 200);
      });
    },

    conversations(element, trigger, watch, showing, listing) {
      const searched = () => $("#k-side-search input")?.value ?? "";
      show = (data) => trigger(showing, { ...data, search: searched() });
      searchFor = (search) => trigger(listing, { search });
      revoke = (token) => trigger(listing, { change: "revoke", token, search: searched() });
      const refold = keepFolds(element);
      let changed = "";
      const change = (id, what, title = "") => {
        changed = id;
        trigger(listing, { change: what, conversation: id, title, search: searched() });
      };
      function rename(row, id) {
        const button = $(".k-conversation", row);
        const field = document.createElement("input");
        field.className = "k-rename";
        field.maxLength = 120;
        field.value = button.textContent;
        field.setAttribute("aria-label", button.textContent);
        button.replaceWith(field);
        field.select();
        let over = false;
        const end = (keep, stay) => {
          if (over) return;
          over = true;
          const title = field.value.trim();
          if (keep && title) { button.textContent = title; change(id, "rename", title); }
          field.replaceWith(button);
          if (stay) button.focus();
        };
        field.addEventListener("blur", () => end(true, false));
        field.addEventListener("keydown", (event) => {
          if (event.isComposing) return;
          event.stopPropagation();
          if (event.key === "Enter") {
            // Else the key presses the button that has the focus next.
            event.preventDefault();
            end(true, true);
          }
          if (event.key === "Escape") end(false, true);
        });
      }
      element.addEventListener("click", (event) => {
        const button = event.target instanceof Element && event.target.closest("[data-act]");
        if (!button) return;
        const { act, conversation: id } = button.dataset;
        // A menu is done with when something in it is chosen.
        const menu = button.closest(".k-acts");
        if (menu) {
          menu.open = false;
          unfolded.delete(menu.dataset.fold);
        }
        if (act === "conversation") {
          const moves = id !== current;
          current = id;
          if (moves) moveTo(addressOf(id)); else if (history.state?.over) history.back();
          closeAll();
          if (moves) show();
        }
        if (act === "copy-share") copy(button, linkOf(button.dataset.token));
        if (act === "revoke") revoke(button.dataset.token);
        if (act === "rename") rename(button.closest("li"), id);
        if (act === "pin" || act === "unpin") change(id, act);
        if (act === "delete") {
          if (id === current) {
            current = fresh();
            history.replaceState(history.state, "", addressOf(""));
          }
          show({ change: "delete", conversation: id });
        }
        if (act === "restore") {
          current = id;
          moveTo(addressOf(id));
          show({ change: "restore", conversation: id });
        }
      });
      let hiding = 0;
      watch("value", () => {
        refold();
        const undo = $(".k-undo", element);
        clearTimeout(hiding);
        if (undo) hiding = setTimeout(() => { undo.hidden = true; }, undo.dataset.seconds * 1000);
        const list = $("nav", element);
        if (changed && document.activeElement === document.body) {
          $(`.k-conversation[data-conversation="${changed}"]`, element)?.focus();
        }
        changed = "";
        if (list && list.dataset.search !== searched()) searchFor(searched());
      });
    },

    download(element, watch) {
      watch("value", () => {
        const found = $("[data-name]", element);
        if (found) handOver(found.dataset.name, found.dataset.text);
        const note = $(".k-toast", element);
        if (note) setTimeout(() => { note.hidden = true; }, 4000);
      });
    },

    source(element, trigger, watch, open, articles, evaluate) {
      const pane = element.closest("#k-right") ?? element;
      element.setAttribute("role", "complementary");
      const refold = keepFolds(element);
      opens(element, trigger, open);
      element.addEventListener("click", (event) => {
        const button = event.target instanceof Element && event.target.closest("[data-act]");
        if (!button) return;
        const { act } = button.dataset;
        if (act === "articles") trigger(articles);
        if (act === "close") uncover();
        if (act === "evaluate-look") trigger(evaluate, {});
        if (act === "evaluate-stop") trigger(evaluate, { do: "stop" });
        if (act === "evaluate") {
          trigger(evaluate, { do: "start", name: $("#k-set").value, limit: $("#k-limit").value });
        }
      });
      let placed = null;
      // Once for each quote: the words may come after the news of them, and before the pane has a size.
      const place = (anew) => {
        const mark = $("#k-here", element);
        if (!anew && (!mark || mark === placed)) return;
        placed = pane.clientHeight ? mark : null;
        let top = 0;
        if (mark) {
          const { top: above, bottom } = mark.getBoundingClientRect();
          const frame = pane.getBoundingClientRect().top - pane.scrollTop;
          // From the top of the page if the quote is in sight from there, else at a third of the height.
          if (bottom - frame > pane.clientHeight * 0.95) top = above - frame - pane.clientHeight / 3;
        }
        pane.scrollTo({ top, behavior: glide() });
      };
      new MutationObserver(() => place(false)).observe(element, { childList: true, subtree: true });
      new ResizeObserver(() => place(false)).observe(pane);
      let evaluating = false;
      showArticles = () => { showSource(); trigger(articles); };
      watch("value", () => {
        refold();
        const before = evaluating;
        const now = $(".k-admin", element);
        evaluating = Boolean(now);
        if (now?.dataset.job === "running") {
          setTimeout(() => { if (now.isConnected) trigger(evaluate, {}); }, 900);
        }
        // A page that only says how far it is stays where the reader has scrolled it.
        if (evaluating && before) return;
        place(true);
        if (narrow.matches && root.dataset.source === "open") {
          $("#k-article-title", element)?.focus({ preventScroll: true });
        }
      });
    },

    state(element, trigger, watch, look, returned) {
      const failed = () => Boolean($('.k-status[data-kind="failed"]', element));
      let before = failed();
      watch("value", () => {
        if (before && !failed()) trigger(returned);
        before = failed();
      });
      // How an answer or a translation went shows whether the model is there.
      for (const news of ["konkyo-answered", "konkyo-connected"]) {
        document.addEventListener(news, () => trigger(look));
      }
      // The index may go and come back while nobody asks.
      const again = () => {
        if (!document.hidden && root.dataset.connection !== "gone") trigger(look);
      };
      document.addEventListener("visibilitychange", again);
      setInterval(again, LOOK_AGAIN);
      element.addEventListener("click", (event) => {
        const button = event.target instanceof Element && event.target.closest('[data-act="articles"]');
        if (!button) return;
        opener = button;
        showArticles();
      });
    },

    tools(element, trigger, save) {
      document.addEventListener("click", (event) => {
        const menu = element.querySelector(".k-menu");
        if (menu?.open && !menu.contains(event.target)) menu.open = false;
      });
      element.addEventListener("click", (event) => {
        const act = event.target instanceof Element && event.target.closest("[data-act]")?.dataset.act;
        if (act === "save") {
          const { form } = event.target.closest("[data-act]").dataset;
          element.querySelector(".k-menu").open = false;
          if (form === "print") window.print(); else trigger(save, { form });
        }
        if (act === "new") startNew();
        if (act === "theme") {
          remember("konkyo-theme", dark() ? "light" : "dark");
          paint();
        }
      });
      element.addEventListener("change", (event) => {
        const select = event.target;
        if (select.id !== "k-language") return;
        document.cookie =
          `${select.dataset.cookie}=${select.value}; path=/; max-age=31536000; samesite=strict`;
        window.location.reload();
      });
    },
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && $(".k-share")) { $(".k-share").remove(); return; }
    if (event.key === "Escape") { const menu = $(".k-menu"); if (menu?.open) { menu.open = false; $("summary", menu).focus(); } else if (peeking) hidePeek(); else if (over()) uncover(); }
    const typing = event.target instanceof Element && event.target.closest("input, textarea, select");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      box()?.focus();
    }
  });
  // The browser would leave the page for a file that is dropped; editors add files on that of articles.
  const editing = () => Boolean($("#k-conversation [data-editor]"));
  const holdFile = (event) => {
    if (!window.konkyoDrops.carries(event)) return false;
    event.preventDefault();
    event.dataTransfer.dropEffect = editing() ? "copy" : "none";
    return true;
  };
  document.addEventListener("dragover", holdFile);
  document.addEventListener("drop", (event) => {
    if (holdFile(event) && editing()) window.konkyoDrops.bring(event);
  });
  // A number reached by keyboard is scrolled into sight: its quote goes along. A pointer has moved off.
  document.addEventListener("scroll", () => {
    if (peeking && peeking === document.activeElement) showPeek(peeking); else hidePeek();
  }, true);
})();
