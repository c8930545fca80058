// What this browser remembers of unfinished uploads, in IndexedDB.
//
// A record is written when an upload begins and removed when it ends. Small files are kept whole, so that they
// go on by themselves; of large ones the browser keeps the name, and the person picks the file again.
// Every tab has a name, and a record belongs to the tab that sends it: a second tab leaves it alone.
//
// Belongs here: records and whose they are. Not here: what is done with them (uploads.ts).

export interface Remembered {
  key: string
  name: string
  /** Folder and name, where a folder was dropped. */
  path: string
  size: number
  type: string
  lastModified: number
  /** "" until the server made the upload. */
  url: string
  /** Bytes that the server confirmed, as far as we heard. */
  offset: number
  paused: boolean
  /** Milliseconds since 1970. */
  changed: number
  tab: string
  /** Whose it is: another person who signs in here must not go on with it. */
  user: string
  /** The content, where it is small. */
  file?: File
}

/** Files up to this many bytes are kept whole. */
export const KEPT_FILE = 10 * 2 ** 20
/** And not more than this in all. */
export const KEPT_TOTAL = 300 * 2 ** 20

const DATABASE = 'tusd-py'
const RECORDS = 'unfinished'
const CHANNEL = 'tusd-py-tabs'
const TAB = 'tusd-py-tab'
/** Milliseconds that other tabs have to answer. One that hangs, or was frozen to save memory, does not. */
const ROLL_CALL = 250

export interface Memory {
  readonly tab: string
  put(records: Remembered[]): void
  remove(keys: string[]): void
  /**
   * Those that no open tab is working on, and whether there are others: a tab may just be closing. Those that are
   * kept whole belong to this tab from now on, which sends them; no other gets them too.
   */
  abandoned(): Promise<{ records: Remembered[]; someAreHeld: boolean }>
  /** Which of these are there and nobody's; they are this tab's from now on. null where the browser does not say. */
  claim(keys: string[]): Promise<Set<string> | null>
  /** Leave what is remembered to other tabs, or to who opens it next in this one. */
  close(): void
}

/** The records of one person. */
export async function openMemory(user: string): Promise<Memory> {
  const [tabs, database] = await Promise.all([joinTabs(), open()])
  return {
    tab: tabs.own,
    put: (records) => write(database, (store) => records.forEach((record) => store.put(record))),
    remove: (keys) => write(database, (store) => keys.forEach((key) => store.delete(key))),
    async abandoned() {
      const others = await tabs.others()
      const mine = (record: Remembered) => record.file !== undefined && !others.has(record.tab)
      const all = (await claimOf(database, user, tabs.own, mine)) ?? []
      const records = all.filter((record) => !others.has(record.tab))
      return { records, someAreHeld: records.length < all.length }
    },
    async claim(keys) {
      const others = await tabs.others()
      const wanted = new Set(keys)
      const mine = (record: Remembered) => wanted.has(record.key) && !others.has(record.tab)
      const all = await claimOf(database, user, tabs.own, mine)
      return all && new Set(all.filter(mine).map(({ key }) => key))
    },
    close() {
      tabs.leave()
      database?.close()
    },
  }
}

/** null where the browser forbids it, as some do in private windows. Then nothing is remembered. */
function open(): Promise<IDBDatabase | null> {
  return new Promise((resolve) => {
    try {
      const asked = indexedDB.open(DATABASE, 1)
      asked.onupgradeneeded = () => asked.result.createObjectStore(RECORDS, { keyPath: 'key' })
      asked.onsuccess = () => resolve(asked.result)
      asked.onerror = () => resolve(null)
    } catch {
      resolve(null)
    }
  })
}

/** All of that person, as they were; those that are `mine` become `own`, in one transaction. null where it fails. */
function claimOf(
  database: IDBDatabase | null,
  user: string,
  own: string,
  mine: (record: Remembered) => boolean,
): Promise<Remembered[] | null> {
  return new Promise((resolve) => {
    try {
      if (!database) return resolve(null)
      const store = database.transaction(RECORDS, 'readwrite').objectStore(RECORDS)
      const asked = store.getAll()
      asked.onsuccess = () => {
        const all = (asked.result as Remembered[]).filter((record) => record.user === user)
        for (const record of all) if (mine(record)) store.put({ ...record, tab: own })
        resolve(all)
      }
      asked.onerror = () => resolve(null)
    } catch {
      // A browser may close it, or clear it, at any time.
      resolve(null)
    }
  })
}

/** A full or broken database costs the memory of an upload, never the upload. */
function write(database: IDBDatabase | null, change: (store: IDBObjectStore) => void): void {
  if (!database) return
  try {
    const transaction = database.transaction(RECORDS, 'readwrite')
    transaction.onerror = (event) => event.preventDefault()
    change(transaction.objectStore(RECORDS))
  } catch {
    return
  }
}

interface Tabs {
  own: string
  /** Those that are open now; asks them. */
  others(): Promise<Set<string>>
  /** Answer the others no more. */
  leave(): void
}

/** The name of this tab outlives a reload, and a copied tab takes another one. */
async function joinTabs(): Promise<Tabs> {
  let own = ''
  let heard = new Set<string>()
  let channel = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel(CHANNEL)
  if (channel) {
    channel.onmessage = ({ data }) => {
      if (data.here) heard.add(data.here)
      if (data.ask && own) channel?.postMessage({ here: own })
    }
  }
  const others = async (): Promise<Set<string>> => {
    if (!channel) return new Set()
    heard = new Set()
    channel.postMessage({ ask: true })
    await new Promise((resolve) => setTimeout(resolve, ROLL_CALL))
    return heard
  }
  const wished = readSession() ?? newId()
  own = (await others()).has(wished) ? newId() : wished
  try {
    sessionStorage.setItem(TAB, own)
  } catch {
    // Then this tab is a new one after every reload.
  }
  const leave = (): void => {
    channel?.close()
    channel = undefined
  }
  return { own, others, leave }
}

function readSession(): string | null {
  try {
    return sessionStorage.getItem(TAB)
  } catch {
    return null
  }
}

/** Not randomUUID: that exists only on https and localhost. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
