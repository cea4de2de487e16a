// What the page keeps in the browser: the outbox of decisions, the ribbon and drafts, in IndexedDB; in memory where that is refused.

const version = 2;
const name = "annotator-review";

/** Opens the store; `lasting` is false where the browser refuses to keep anything. */
export async function openStore() {
  try {
    return new BrowserStore(await openDatabase());
  } catch {
    return new MemoryStore();
  }
}

function openDatabase() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    request.onupgradeneeded = ({ oldVersion }) => {
      const db = request.result;
      if (oldVersion < 2) db.createObjectStore("drafts", { keyPath: "id" }).createIndex("scope", "scope");
      if (oldVersion >= 1) return;
      // The running number is the order of the decisions, over all tabs.
      const outbox = db.createObjectStore("outbox", { keyPath: "seq", autoIncrement: true });
      outbox.createIndex("scope", "scope");
      const ribbon = db.createObjectStore("ribbon", { keyPath: "seq", autoIncrement: true });
      ribbon.createIndex("scope", "scope");
      ribbon.createIndex("id", "id", { unique: true });
      db.createObjectStore("locks", { keyPath: "scope" });
    };
    request.onsuccess = () => {
      // A later version of the page in another tab must be able to go on.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}

/** Keeps things in IndexedDB. */
class BrowserStore {
  #db;
  lasting = true;

  constructor(db) {
    this.#db = db;
  }

  /**
   * One transaction over the named stores. The work gets an object of promise-returning functions a store; what it
   * answers is answered once everything is on disk.
   */
  async write(stores, work) {
    return this.#run(stores, "readwrite", work);
  }

  async read(stores, work) {
    return this.#run(stores, "readonly", work);
  }

  #run(stores, mode, work) {
    return new Promise((resolve, reject) => {
      const transaction = this.#db.transaction(stores, mode);
      let result;
      transaction.oncomplete = () => resolve(result);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error ?? new Error("aborted"));
      const tables = Object.fromEntries(stores.map((s) => [s, table(transaction.objectStore(s))]));
      Promise.resolve(work(tables)).then((r) => { result = r; }, (error) => {
        reject(error);
        try {
          transaction.abort();
        } catch {
          // It has ended by itself.
        }
      });
    });
  }
}

function table(store) {
  const ask = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return {
    add: (value) => ask(store.add(value)),
    put: (value) => ask(store.put(value)),
    get: (key) => ask(store.get(key)),
    delete: (key) => ask(store.delete(key)),
    of: (scope) => ask(store.index("scope").getAll(scope)),
    byId: (id) => ask(store.index("id").get(id)),
  };
}

/** Keeps things as long as the page lives; the page then warns before it is closed with anything waiting. */
class MemoryStore {
  #tables = { outbox: new Map(), ribbon: new Map(), locks: new Map(), drafts: new Map() };
  #seq = 0;
  lasting = false;

  async write(stores, work) {
    return work(this.#access());
  }

  async read(stores, work) {
    return work(this.#access());
  }

  #access() {
    return Object.fromEntries(Object.entries(this.#tables).map(([name, rows]) => [name, {
      add: async (value) => { const seq = ++this.#seq; rows.set(seq, { ...value, seq }); return seq; },
      put: async (value) => { rows.set(value.seq ?? value.id ?? value.scope, value); },
      get: async (key) => rows.get(key),
      delete: async (key) => { rows.delete(key); },
      of: async (scope) => [...rows.values()].filter((r) => r.scope === scope),
      byId: async (id) => [...rows.values()].find((r) => r.id === id),
    }]));
  }
}

/**
 * Does something while no other tab does the same. Web Locks where there are any (they need https or localhost), else a row with
 * an end that is put off while the work goes on. Answers false where another tab has it.
 */
export async function exclusively(store, scope, work) {
  if (navigator.locks) {
    return navigator.locks.request(`annotator-outbox:${scope}`, async () => {
      await work();
      return true;
    });
  }

  const owner = Math.random().toString(36).slice(2);
  const until = () => Date.now() + 8_000;
  const taken = await store.write(["locks"], async ({ locks }) => {
    const row = await locks.get(scope);
    if (row && row.until > Date.now()) return false;
    await locks.put({ scope, owner, until: until() });
    return true;
  });
  if (!taken) return false;
  const renew = setInterval(() => store.write(["locks"], ({ locks }) => locks.put({ scope, owner, until: until() })).catch(() => {}), 2_000);
  try {
    await work();
  } finally {
    clearInterval(renew);
    await store.write(["locks"], async ({ locks }) => {
      const row = await locks.get(scope);
      if (row?.owner === owner) await locks.delete(scope);
    });
  }

  return true;
}
