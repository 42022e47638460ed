// Files dropped on any page: taken at once, or kept in this browser until the page of articles opens.
window.konkyoDrops = (() => {
  "use strict";
  const MOMENT = 60_000;
  const carries = (event) => Boolean(event.dataTransfer?.types.includes("Files"));

  async function filesOf(entry) {
    if (entry.isFile) return [await new Promise((give, fail) => entry.file(give, fail))];
    const reader = entry.createReader();
    const found = [];
    for (;;) {
      const some = await new Promise((give, fail) => reader.readEntries(give, fail));
      if (!some.length) return found;
      for (const one of some) found.push(...await filesOf(one));
    }
  }
  async function dropped(event) {
    // What was dropped can only be asked for at once, before anything is waited for.
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
    const plain = [...event.dataTransfer.files];
    return entries.length && entries.every(Boolean)
      ? (await Promise.all(entries.map(filesOf))).flat() : plain;
  }

  const changed = (work) => new Promise((give, fail) => {
    const opening = indexedDB.open("konkyo-dropped");
    opening.onupgradeneeded = () => opening.result.createObjectStore("files");
    opening.onerror = () => fail(opening.error);
    opening.onsuccess = () => {
      const change = opening.result.transaction("files", "readwrite");
      const asked = work(change.objectStore("files"));
      change.onabort = () => { opening.result.close(); fail(change.error); };
      change.oncomplete = () => { opening.result.close(); give(asked.result); };
    };
  });
  const keep = (files) => changed((store) => store.put({ files, at: Date.now() }, "last"));
  // What was kept longer ago was meant for a page that never opened.
  async function kept() {
    const last = await changed((store) => {
      const found = store.get("last");
      store.clear();
      return found;
    });
    return last && Date.now() - last.at < MOMENT ? last.files : [];
  }

  // The page of articles opens, with what was dropped.
  async function bring(event) {
    try { await keep(await dropped(event)); } finally { window.location.assign("library"); }
  }
  return { carries, dropped, kept, bring };
})();
