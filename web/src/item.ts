// One upload of this tab, and one that waits for its file.
//
// Belongs here: what is known of it. Not here: what happens to it (uploads.ts).

import { newId, type Remembered } from './memory'
import type { Picked } from './picking'
import type { Failure } from './retry'
import type { FileStatus } from './server'
import { Speed } from './speed'

export type State = 'queued' | 'uploading' | 'waiting' | 'paused' | 'uploaded' | 'failed'

export type Reason =
  | { kind: 'too big'; limit: number }
  | { kind: 'unreadable' }
  | { kind: 'refused'; status: number; said: string }

export interface Item {
  readonly key: string
  readonly name: string
  readonly path: string
  readonly size: number
  readonly type: string
  readonly lastModified: number
  file: File
  state: State
  url: string
  /** Bytes that left this machine; the server may have less until it says so. */
  sent: number
  /** Bytes that the server confirmed. */
  confirmed: number
  speed: Speed
  /** Failures since the last progress. */
  failures: number
  failure?: Failure
  /** When the next attempt begins, in milliseconds since 1970. */
  retryAt: number
  reason?: Reason
  /** The server no longer had it, so it began from the first byte. */
  begunAgain: boolean
  /** What the server made of it, once it said so. */
  fileId?: string
  fileStatus?: FileStatus
  /** Somebody deleted the file since. */
  isGone?: boolean
}

/** An upload of an earlier visit whose file must be picked again. */
export interface Unfinished extends Remembered {
  /** undefined until the server was asked. */
  checked?: 'there' | 'gone'
}

export function isLive(item: Item): boolean {
  return item.state !== 'uploaded' && item.state !== 'failed'
}

/** Worth another attempt: not what will be refused again. */
export function isRetriable(item: Item): boolean {
  return item.state === 'failed' && item.reason?.kind === 'refused'
}

/** Its file cannot be read any more: it was changed, moved, or is on a drive that is gone. */
export function isUnreadable(item: Item): boolean {
  return item.state === 'failed' && item.reason?.kind === 'unreadable'
}

/** What makes two files the same one, as far as a browser tells. */
export function likeness(one: { path: string; size: number; lastModified: number }): string {
  return JSON.stringify([one.path, one.size, one.lastModified])
}

/** Which unfinished upload a picked file is of; each is found once. */
export class Waiting {
  #byPath = new Map<string, Unfinished>()
  #byName = new Map<string, Unfinished[]>()
  #found = new Set<Unfinished>()

  /** Of two that look the same, the earlier one in `entries` is found. */
  constructor(entries: Unfinished[]) {
    for (const entry of entries) {
      if (!this.#byPath.has(likeness(entry))) this.#byPath.set(likeness(entry), entry)
      const name = likeness({ ...entry, path: entry.name })
      const same = this.#byName.get(name)
      if (same) same.push(entry)
      else this.#byName.set(name, [entry])
    }
  }

  find(item: Item): Unfinished | undefined {
    const exact = this.#byPath.get(likeness(item))
    const found = exact && !this.#found.has(exact) ? exact : this.#alone(item)
    if (found) this.#found.add(found)
    return found
  }

  /** Whoever picks files, not a folder, cannot say in which folder one lies: its name will do where it is the only one. */
  #alone(item: Item): Unfinished | undefined {
    if (item.path.includes('/')) return undefined
    const left = (this.#byName.get(likeness(item)) ?? []).filter((entry) => !this.#found.has(entry))
    return left.length === 1 ? left[0] : undefined
  }
}

export function itemOf({ file, path }: Picked): Item {
  return {
    key: newId(),
    name: file.name,
    path,
    size: file.size,
    type: file.type,
    lastModified: file.lastModified,
    file,
    state: 'queued',
    url: '',
    sent: 0,
    confirmed: 0,
    speed: new Speed(),
    failures: 0,
    retryAt: 0,
    begunAgain: false,
  }
}

export function itemOfRecord(record: Remembered, file: File): Item {
  const { key, name, path, type, url, offset } = record
  return { ...itemOf({ file, path }), key, name, type, url, sent: offset, confirmed: offset }
}

export function metadataOf(item: Item): Record<string, string> {
  const folder = item.path !== item.name
  return {
    filename: item.name,
    ...(item.type ? { filetype: item.type } : {}),
    ...(folder ? { relativePath: item.path } : {}),
  }
}

export async function isReadable(file: File): Promise<boolean> {
  if (file.size === 0) return true
  try {
    await file.slice(0, 1).arrayBuffer()
    return true
  } catch {
    return false
  }
}
