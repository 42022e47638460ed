// The page's connection to the server: keeps the framework's stream of events whole, and says while
// the server is gone. Back again, the page goes on as it was, or is loaded anew from another server.
(() => {
  "use strict";
  const root = document.documentElement;
  const plainFetch = window.fetch.bind(window);
  const pause = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });
  const never = new Promise(() => {});

  // ---- whether the server is there
  let leaving = false;
  window.addEventListener("pagehide", () => { leaving = true; });
  window.addEventListener("pageshow", () => { leaving = false; });
  window.addEventListener("offline", () => { found(); });

  /** The name of the process that answers; nothing while none does. */
  async function serverName() {
    try {
      const answer = await plainFetch("gradio_api/app_id", { cache: "no-store" });
      // Who is no longer signed in is shown the form by the page that is loaded anew.
      if (answer.status === 401) return "signed out";
      return answer.ok ? String((await answer.json()).app_id) : "";
    } catch { return ""; }
  }
  let looking = null;
  /** Wait until the server is there again; for ever where the page is loaded anew. */
  const found = () => { looking ??= look().finally(() => { looking = null; }); return looking; };
  async function look() {
    let name = await serverName();
    for (let wait = 500; !name; wait = Math.min(wait * 1.5, 5000)) {
      if (leaving) return never;
      root.dataset.connection = "gone";
      await pause(wait);
      name = await serverName();
    }
    if (name !== String(window.gradio_config.app_id)) {
      window.location.reload();
      return never;
    }
    delete root.dataset.connection;
    document.dispatchEvent(new Event("konkyo-connected"));
    return name;
  }

  // The framework opens one heartbeat for as long as the page is open: here it is opened again.
  function beat(request) {
    const body = new ReadableStream({
      async start() {
        for (;;) {
          try {
            const reader = (await plainFetch(request.clone())).body.getReader();
            while (!(await reader.read()).done);
          } catch { /* gone, as when it ends */ }
          await found();
          await pause(1000);
        }
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  // ---- the stream of events
  // The framework's client closes its one stream of events whenever the server has nothing left to
  // tell, even when a question was sent in that very moment: its answer would never be heard of. So
  // the word to close is held back until nothing is under way, and otherwise the stream goes on.
  const underway = new Set();
  const ended = new Set();
  const joins = new Set();
  function join(input, init) {
    const sent = plainFetch(input, init).then(async (response) => {
      try {
        const { event_id: id } = await response.clone().json();
        if (id && !ended.has(id)) underway.add(id);
      } catch { /* refused: the client itself says so */ }
      return response;
    }, () => {
      found();
      // The client takes this as a form that was not filled in, and stays usable.
      return Response.json({ detail: [] }, { status: 422 });
    });
    joins.add(sent);
    const done = () => { joins.delete(sent); };
    sent.then(done, done);
    return sent;
  }
  const encoded = (event) => new TextEncoder().encode(`${event}\n\n`);
  async function relay(body, controller) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let held = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const events = (rest + value).split("\n\n");
      rest = events.pop();
      for (const event of events) {
        const data = /^data: (.*)$/m.exec(event);
        let said = {};
        try { said = data ? JSON.parse(data[1]) : {}; } catch { /* not ours to judge */ }
        if (said.msg === "unexpected_error") throw new Error(said.message);
        if (said.msg === "process_completed") {
          ended.add(said.event_id);
          underway.delete(said.event_id);
        }
        if (said.msg === "close_stream") held = event;
        else controller.enqueue(encoded(event));
      }
    }
    if (!held) throw new Error("the stream ended too soon");
    while (joins.size) await Promise.allSettled([...joins]);
    if (underway.size) return true;
    controller.enqueue(encoded(held));
    return false;
  }
  function listen(request) {
    const body = new ReadableStream({
      async start(controller) {
        try {
          let going = true;
          while (going) {
            const response = await plainFetch(request.clone());
            if (!response.ok) throw new Error(response.statusText);
            going = await relay(response.body, controller);
          }
        } catch {
          // What was under way is not heard of again; told of an error, the client would give up.
          underway.clear();
          controller.enqueue(encoded('data: {"msg": "close_stream"}'));
          found();
        }
        controller.close();
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  window.fetch = (input, init) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input, window.location.href);
    // The framework takes back what it was not told the number of yet, which its own server refuses.
    if (/\/gradio_api\/(cancel|reset)$/.test(pathname) && !JSON.parse(init.body).event_id) {
      return Promise.resolve(Response.json({ success: true }));
    }
    if (pathname.endsWith("/queue/join")) return join(input, init);
    if (pathname.endsWith("/queue/data")) return Promise.resolve(listen(new Request(input, init)));
    if (pathname.includes("/heartbeat/")) return Promise.resolve(beat(new Request(input, init)));
    return plainFetch(input, init);
  };
})();
