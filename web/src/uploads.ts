// The uploads of this tab: a queue, a few at a time, each until it is done or refused.
//
// An upload that is cut waits and goes on from what the server has; it never gives up by itself. Changes are
// gathered and told to the page a few times a second, so that a thousand files cost no more than ten.
//
// Belongs here: what happens to files. Not here: how it looks (parts/), what is remembered (memory.ts).

import { Upload } from 'tus-js-client'
import type { Refusal } from './api'
import {
  isLive,
  isReadable,
  isRetriable,
  isUnreadable,
  itemOf,
  itemOfRecord,
  likeness,
  metadataOf,
  Waiting,
  type Item,
  type Reason,
  type Unfinished,
} from './item'
import { KEPT_FILE, KEPT_TOTAL, newId, openMemory, type Memory, type Remembered } from './memory'
import { Following } from './following'
import { delayAfter, judge, type Failure } from './retry'
import { renew } from './oidc'
import { nameOf, session } from './session'
import { fetchOffset, isReachable, terminate, type ServerConfig } from './server'
import { Speed } from './speed'
import type { Pick, Picked } from './picking'

/** Shown for a while. */
export type Notice =
  | { kind: 'known'; count: number; name: string }
  | { kind: 'wrong file'; wanted: Remembered }
  | { kind: 'cancelled'; items: Item[] }
  | { kind: 'unreadable'; count: number }
  | { kind: 'not fetched'; name: string; refusal: Refusal }

/** Said to screen readers, and only the last of a moment: not each of a thousand files. */
export type Event =
  | { kind: 'added'; count: number }
  | { kind: 'failed'; name: string }
  | { kind: 'all uploaded'; count: number }

export interface Totals {
  count: number
  queued: number
  uploading: number
  waiting: number
  paused: number
  uploaded: number
  failed: number
  /** Bytes of everything that is not failed. */
  size: number
  sent: number
  /** Bytes a second. */
  speed: number
  /** Seconds, or undefined while nobody can tell. */
  left: number | undefined
}

const AT_ONCE = 4
const TELL_EVERY = 150 // milliseconds
const UNDO_WITHIN = 8_000
const SHOWN_FOR = 6_000
const PROBE_EVERY = 3_000
/** A tab that is being closed may still have said that it is there. */
const RECALL_AGAIN = 2_000
/** Unfinished uploads that are asked for at start; each costs a request. */
const ASKED_AT_START = 50

/** Where the list is shown. */
export interface Place {
  /** Beside a library. */
  hasViews: boolean
  /** The server confirmed its last byte. */
  onUploaded?: (item: Item) => void
}

export class Uploads {
  items: Item[] = []
  unfinished: Unfinished[] = []
  notices: { id: string; notice: Notice }[] = []
  event: Event | undefined
  /** The server can be reached. A browser without any network says "offline" and may still reach its own machine. */
  online = true

  #user: string
  #memory: Promise<Memory>
  /** What is unfinished is known. */
  #recalled: Promise<unknown>
  /** What this page has had in a list, be it cancelled or discarded since: nothing to recall. */
  #ours = new Set<string>()
  #attempts = new Map<string, Upload>()
  #timers = new Map<string, number>()
  #kept = new Map<string, number>()
  #keptBytes = 0
  #listeners = new Set<() => void>()
  #version = 0
  #telling = 0
  #speed = new Speed()
  #moved = 0
  #probing = 0
  #following: Following
  #closing = new AbortController()

  constructor(
    readonly config: ServerConfig,
    private readonly place: Place = { hasViews: true },
  ) {
    this.#following = new Following(config, () => this.#tell())
    this.#user = session.me ? nameOf(session.me) : ''
    this.#memory = openMemory(this.#user)
    this.#recalled = this.#recall()
    const { signal } = this.#closing
    window.addEventListener('online', () => void this.#probe(), { signal })
    window.addEventListener('offline', () => void this.#probe(), { signal })
    window.addEventListener('pagehide', () => this.#settleCancelled(), { signal })
    signal.addEventListener('abort', session.subscribe(() => this.#goOnAfterSignIn()))
  }

  /** Stop, as if the page were left: what is unfinished is remembered, for another one to go on with. */
  close(): void {
    this.#settleCancelled()
    this.#closing.abort()
    for (const item of this.items) this.#halt(item)
    this.#following.close()
    clearTimeout(this.#probing)
    void this.#memory.then((memory) => memory.close())
  }

  // --- for the page

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  version = (): number => this.#version

  get hasLibrary(): boolean {
    return this.place.hasViews && session.hasLibrary
  }

  /** Leaving now would stop something. */
  get busy(): boolean {
    return this.items.some(({ state }) => state === 'queued' || state === 'uploading' || state === 'waiting')
  }

  totals(): Totals {
    const totals = { count: 0, queued: 0, uploading: 0, waiting: 0, paused: 0, uploaded: 0, failed: 0 }
    let size = 0
    let sent = 0
    let moving = 0
    for (const item of this.items) {
      totals.count += 1
      totals[item.state] += 1
      if (item.state === 'failed') continue
      size += item.size
      sent += item.sent
      if (item.state === 'queued' || item.state === 'uploading') moving += item.size - item.sent
    }
    const speed = totals.uploading ? this.#speed.get() : 0
    return { ...totals, size, sent, speed, left: speed > 0 && moving > 0 ? moving / speed : undefined }
  }

  // --- what a person does

  /** Queue files. One that an unfinished upload waits for makes that one go on. */
  async add({ files: picked, unreadable: missing }: Pick): Promise<void> {
    if (missing) this.#say({ kind: 'unreadable', count: missing })
    await this.#recalled
    const offered = picked.map(itemOf)
    const earlier = await this.#earlierOf(offered)
    const unreadable = new Map(this.items.filter(isUnreadable).map((item) => [likeness(item), item]))
    const known = new Set(this.items.filter(isLive).map(likeness))
    const fresh: Item[] = []
    const found: Unfinished[] = []
    let doubles = 0
    let double = ''
    for (const item of offered) {
      if (known.has(likeness(item))) {
        doubles += 1
        double = item.name
        continue
      }
      known.add(likeness(item))
      const lost = unreadable.get(likeness(item))
      if (lost) {
        // The same file again, say from a drive that was pulled out.
        lost.file = item.file
        this.#requeue(lost)
        continue
      }
      const entry = earlier.get(item)
      if (entry) found.push(entry)
      fresh.push(entry ? itemOfRecord(entry, item.file) : item)
    }
    this.#forgetEntries(found)
    if (doubles) this.#say({ kind: 'known', count: doubles, name: double })
    await this.#enqueue(fresh)
    this.#pump()
    if (fresh.length) this.#announce({ kind: 'added', count: fresh.length })
  }

  /** The unfinished uploads that these are of, as far as they are this tab's now. */
  async #earlierOf(items: Item[]): Promise<Map<Item, Unfinished>> {
    const waiting = new Waiting(this.unfinished)
    const found = new Map<Item, Unfinished>()
    for (const item of items) {
      const entry = waiting.find(item)
      if (entry) found.set(item, entry)
    }
    const free = new Set(await this.#claim([...found.values()]))
    // Meanwhile another pick may have gone on with it.
    return new Map([...found].filter(([, entry]) => free.has(entry) && !this.#ours.has(entry.key)))
  }

  /** Go on with an unfinished upload; `picked` must be the file that it was begun with. */
  async goOn(entry: Unfinished, picked: Picked): Promise<void> {
    const { file } = picked
    // Another content behind the same beginning would be a broken file, so nothing but the same will do.
    if (file.size !== entry.size || file.lastModified !== entry.lastModified) {
      this.#say({ kind: 'wrong file', wanted: entry })
      return
    }
    if (await this.#take(entry)) await this.#enqueue([itemOfRecord(entry, file)])
  }

  /** Forget an unfinished upload, here and on the server. */
  async discard(entry: Unfinished): Promise<void> {
    if (!(await this.#take(entry))) return
    const memory = await this.#memory
    memory.remove([entry.key])
    this.#terminate(entry.url)
  }

  /** Out of the list; false where another tab went on with it meanwhile, or finished it. */
  async #take(entry: Unfinished): Promise<boolean> {
    this.#forgetEntries([entry])
    this.#tell()
    return (await this.#claim([entry])).length > 0
  }

  /** Those that were still nobody's and are this tab's now; all of them where the browser does not say. */
  async #claim(entries: Unfinished[]): Promise<Unfinished[]> {
    if (!entries.length) return []
    const memory = await this.#memory
    const keys = await memory.claim(entries.map(({ key }) => key))
    return keys ? entries.filter(({ key }) => keys.has(key)) : entries
  }

  pause(items: Item[]): void {
    for (const item of items) {
      if (item.state !== 'queued' && item.state !== 'uploading' && item.state !== 'waiting') continue
      this.#halt(item)
      item.state = 'paused'
      this.#remember([item])
    }
    this.#pump()
  }

  resume(items: Item[]): void {
    for (const item of items) {
      if (item.state === 'paused' || item.state === 'waiting' || isRetriable(item)) this.#requeue(item)
    }
    this.#pump()
  }

  /** Take out of the list. What the server has of it goes when the time for an undo is over. */
  cancel(items: Item[]): void {
    const gone = new Set(items.filter((item) => item.state !== 'uploaded'))
    if (!gone.size) return
    for (const item of gone) this.#halt(item)
    this.items = this.items.filter((item) => !gone.has(item))
    this.#say({ kind: 'cancelled', items: [...gone] }, UNDO_WITHIN)
    this.#pump()
  }

  undo(id: string): void {
    const found = this.notices.find((one) => one.id === id)
    if (found?.notice.kind !== 'cancelled') return
    this.notices = this.notices.filter((one) => one !== found)
    this.items = [...this.items, ...found.notice.items]
    for (const item of found.notice.items) if (item.state !== 'failed' && item.state !== 'paused') this.#requeue(item)
    this.#pump()
  }

  /** Take finished ones out of the list; their files stay where they are. */
  clearUploaded(): void {
    this.#following.remove(this.items.filter((item) => item.state === 'uploaded'))
    this.items = this.items.filter((item) => item.state !== 'uploaded')
    this.#tell()
  }

  /** A download did not begin. */
  notFetched({ name }: Item, refusal: Refusal): void {
    this.#say({ kind: 'not fetched', name, refusal })
  }

  dismiss(id: string): void {
    const found = this.notices.find((one) => one.id === id)
    if (!found) return
    this.notices = this.notices.filter((one) => one !== found)
    if (found.notice.kind === 'cancelled') this.#settle(found.notice.items)
    this.#tell()
  }

  // --- the queue

  async #enqueue(items: Item[]): Promise<void> {
    // In pieces, so that thousands of files never hold the page up.
    for (let begin = 0; begin < items.length; begin += 200) {
      const piece = items.slice(begin, begin + 200)
      for (const item of piece) {
        this.#ours.add(item.key)
        this.#check(item)
      }
      this.items = [...this.items, ...piece]
      this.#remember(piece.filter((item) => item.state === 'queued'))
      this.#pump()
      await new Promise((resolve) => setTimeout(resolve))
    }
  }

  #check(item: Item): void {
    const { maxSize } = this.config
    if (maxSize && item.size > maxSize) this.#fail(item, { kind: 'too big', limit: maxSize })
  }

  #pump(): void {
    // Without a sign-in every attempt would only be refused.
    if (this.online && session.standing === 'in' && !this.#closing.signal.aborted) {
      for (const item of this.items) {
        if (this.#attempts.size >= AT_ONCE) break
        if (item.state === 'queued') this.#begin(item)
      }
    }
    this.#tell()
  }

  #requeue(item: Item): void {
    this.#halt(item)
    item.state = 'queued'
    item.failures = 0
    delete item.failure
    delete item.reason
    this.#remember([item])
  }

  /** Stop what runs for it, keeping what the server has. */
  #halt(item: Item): void {
    clearTimeout(this.#timers.get(item.key))
    this.#timers.delete(item.key)
    const attempt = this.#attempts.get(item.key)
    this.#attempts.delete(item.key)
    attempt?.abort().catch(() => undefined)
    item.speed.forget()
  }

  #begin(item: Item): void {
    const resuming = item.url !== ''
    const mine = (): boolean => this.#attempts.get(item.key) === attempt
    let used = ''
    const attempt = new Upload(item.file, {
      // One of the two, never both: with an endpoint tus-js-client answers any 4xx to HEAD, an expired sign-in
      // too, by sending everything again.
      ...(resuming ? { uploadUrl: item.url } : { endpoint: this.config.endpoint }),
      // Waiting is ours: it is shown.
      retryDelays: null,
      storeFingerprintForResuming: false,
      // Bytes never come with the creation: if that answer were lost, they would be stored a second time.
      uploadDataDuringCreation: false,
      metadata: metadataOf(item),
      onBeforeRequest: (request) => {
        used = session.credential
        for (const [name, value] of Object.entries(session.headers())) request.setHeader(name, value)
      },
      onUploadUrlAvailable: () => {
        if (!mine() || !attempt.url || attempt.url === item.url) return
        item.url = attempt.url
        this.#gotOn(item)
        this.#remember([item])
      },
      onProgress: (sent) => mine() && this.#advance(item, sent),
      onAfterResponse: (_request, response) => {
        const offset = Number(response.getHeader('Upload-Offset') ?? 0)
        if (!mine() || !(offset > item.confirmed)) return
        item.confirmed = offset
        this.#gotOn(item)
      },
      onSuccess: () => mine() && this.#succeed(item, attempt.url ?? item.url),
      onError: (error) => mine() && void this.#stumble(item, judge(error, resuming), used),
    })
    this.#attempts.set(item.key, attempt)
    this.#following.listen()
    item.state = 'uploading'
    item.speed.forget()
    attempt.start()
  }

  #advance(item: Item, sent: number): void {
    const now = Date.now()
    if (sent > item.sent) this.#moved += sent - item.sent
    item.sent = sent
    item.speed.note(sent, now)
    this.#speed.note(this.#moved, now)
    this.#tell()
  }

  /** The server has more than before. What only left this machine is no progress. */
  #gotOn(item: Item): void {
    item.failures = 0
    delete item.failure
  }

  #succeed(item: Item, url: string): void {
    this.#attempts.delete(item.key)
    this.#moved += item.size - item.sent
    Object.assign(item, { state: 'uploaded', url, sent: item.size, confirmed: item.size })
    this.#forget([item])
    this.#following.add(item)
    this.place.onUploaded?.(item)
    if (!this.busy) this.#announce({ kind: 'all uploaded', count: this.totals().uploaded })
    this.#pump()
  }

  async #stumble(item: Item, failure: Failure, used: string): Promise<void> {
    this.#attempts.delete(item.key)
    if (failure.kind === 'unauthorized') return this.#waitForSignIn(item, used)
    // A file that was changed or moved since it was picked also looks like a broken network.
    if (failure.kind === 'network' && !(await isReadable(item.file))) {
      return this.#giveUp(item, { kind: 'unreadable' })
    }
    if (failure.kind === 'refused') {
      return this.#giveUp(item, { kind: 'refused', status: failure.status, said: failure.said })
    }
    // Meanwhile it may have been paused, and begun again.
    if (item.state !== 'uploading' || this.#attempts.has(item.key)) return
    if (failure.kind === 'gone') Object.assign(item, { url: '', sent: 0, confirmed: 0, begunAgain: true })
    this.#wait(item, failure)
  }

  /** Until the next attempt. */
  #wait(item: Item, failure: Failure): void {
    item.failures += 1
    item.failure = failure
    item.state = 'waiting'
    const delay = delayAfter(item.failures, failure)
    item.retryAt = Date.now() + delay
    this.#timers.set(item.key, window.setTimeout(() => this.#again(item), delay))
    this.#pump()
  }

  /** It keeps its address, so that it goes on and never begins again. */
  async #waitForSignIn(item: Item, used: string): Promise<void> {
    item.state = 'waiting'
    item.failure = { kind: 'unauthorized' }
    item.retryAt = 0
    let renewed
    try {
      renewed = await renew(used)
    } catch {
      // Whoever renews it cannot now, which is no reason to ask a person.
      if (item.state === 'waiting') this.#wait(item, { kind: 'network' })
      return
    }
    if (!renewed) session.refuse(used)
    else if (item.state === 'waiting') this.#requeue(item)
    this.#pump()
  }

  #goOnAfterSignIn(): void {
    if (session.standing !== 'in') return
    const waiting = this.items.filter(({ state, failure }) => state === 'waiting' && failure?.kind === 'unauthorized')
    for (const item of waiting) this.#requeue(item)
    this.#pump()
  }

  #again(item: Item): void {
    this.#timers.delete(item.key)
    if (item.state !== 'waiting') return
    // Offline it stays as it is; the browser says when that is over.
    if (!this.online) return
    item.state = 'queued'
    this.#pump()
  }

  #giveUp(item: Item, reason: Reason): void {
    if (item.state !== 'uploading') return
    this.#fail(item, reason)
    if (item.url === '') this.#forget([item])
    this.#announce({ kind: 'failed', name: item.name })
    this.#pump()
  }

  #fail(item: Item, reason: Reason): void {
    item.state = 'failed'
    item.reason = reason
  }

  async #probe(): Promise<void> {
    clearTimeout(this.#probing)
    const online = await isReachable()
    if (online !== this.online) this.#setOnline(online)
    if (!online && !this.#closing.signal.aborted) this.#probing = window.setTimeout(() => void this.#probe(), PROBE_EVERY)
  }

  #setOnline(online: boolean): void {
    this.online = online
    for (const item of this.items) {
      if (!online && item.state === 'uploading') {
        // Not left to the socket: it may take minutes to notice.
        this.#halt(item)
        item.state = 'waiting'
        item.failure = { kind: 'network' }
        item.retryAt = 0
      } else if (online && item.state === 'waiting' && item.failure?.kind !== 'unauthorized') this.#requeue(item)
    }
    this.#pump()
  }

  // --- what is remembered

  async #recall(): Promise<void> {
    if (await this.#recallAbandoned()) setTimeout(() => void this.#recallAbandoned(), RECALL_AGAIN)
  }

  /** Whether other tabs hold some. */
  async #recallAbandoned(): Promise<boolean> {
    const memory = await this.#memory
    const { records: found, someAreHeld } = await memory.abandoned()
    const records = found.filter((record) => !this.#ours.has(record.key))
    const whole = records.filter((record) => record.file)
    const items = whole.map((record) => itemOfRecord(record, record.file as File))
    this.unfinished = records.filter((record) => !record.file).sort((one, other) => other.changed - one.changed)
    this.#tell()
    for (const [index, item] of items.entries()) if (whole[index]?.paused) item.state = 'paused'
    await this.#enqueue(items)
    void this.#askForOffsets()
    return someAreHeld
  }

  async #askForOffsets(): Promise<void> {
    for (const entry of this.unfinished.slice(0, ASKED_AT_START)) {
      if (!entry.url) continue
      const found = await fetchOffset(entry.url)
      if (this.#closing.signal.aborted) return
      const current = this.unfinished.find((one) => one.key === entry.key)
      if (!current) continue
      if (found.known && found.offset === entry.size) this.#finishEntry(current)
      else if (found.known) this.#replaceEntry({ ...current, offset: found.offset, checked: 'there' })
      else if (found.gone) this.#replaceEntry({ ...current, url: '', offset: 0, checked: 'gone' })
      this.#tell()
    }
  }

  /** By a new one, so that the list sees which of them is to be drawn anew. */
  #replaceEntry(entry: Unfinished): void {
    this.unfinished = this.unfinished.map((one) => (one.key === entry.key ? entry : one))
  }

  /** It was finished all along; only the answer did not reach us. */
  #finishEntry(entry: Unfinished): void {
    this.#forgetEntries([entry])
    const item = itemOfRecord(entry, new File([], entry.name))
    const whole: Item = { ...item, size: entry.size, sent: entry.size, state: 'uploaded' }
    this.items = [...this.items, whole]
    this.#forget([whole])
    this.#following.add(whole)
    this.place.onUploaded?.(whole)
  }

  #remember(items: Item[]): void {
    void this.#memory.then((memory) => {
      const live = items.filter(isLive)
      memory.put(live.map((item) => this.#recordOf(item, memory.tab)))
    })
  }

  #recordOf(item: Item, tab: string): Remembered {
    const { key, name, path, size, type, lastModified, url } = item
    const record = { key, name, path, size, type, lastModified, url, offset: item.confirmed, tab, user: this.#user }
    const keep = this.#kept.has(key) || (size <= KEPT_FILE && this.#keptBytes + size <= KEPT_TOTAL)
    if (keep && !this.#kept.has(key)) {
      this.#kept.set(key, size)
      this.#keptBytes += size
    }
    return { ...record, paused: item.state === 'paused', changed: Date.now(), ...(keep ? { file: item.file } : {}) }
  }

  #forget(items: Item[]): void {
    for (const { key } of items) {
      this.#keptBytes -= this.#kept.get(key) ?? 0
      this.#kept.delete(key)
    }
    void this.#memory.then((memory) => memory.remove(items.map((item) => item.key)))
  }

  #forgetEntries(entries: Unfinished[]): void {
    const keys = new Set(entries.map(({ key }) => key))
    for (const key of keys) this.#ours.add(key)
    this.unfinished = this.unfinished.filter(({ key }) => !keys.has(key))
  }

  #settleCancelled(): void {
    for (const { notice } of this.notices) if (notice.kind === 'cancelled') this.#settle(notice.items)
    this.notices = this.notices.filter(({ notice }) => notice.kind !== 'cancelled')
  }

  #settle(items: Item[]): void {
    this.#forget(items)
    for (const item of items) this.#terminate(item.url)
  }

  #terminate(url: string): void {
    if (url && this.config.termination) void terminate(url)
  }

  // --- telling the page

  #say(notice: Notice, shown = SHOWN_FOR): void {
    const id = newId()
    this.notices = [...this.notices, { id, notice }]
    window.setTimeout(() => this.dismiss(id), shown)
    this.#tell()
  }

  #announce(event: Event): void {
    this.event = event
    this.#tell()
  }

  #tell(): void {
    if (this.#telling) return
    this.#telling = window.setTimeout(() => {
      this.#telling = 0
      this.#version += 1
      for (const listener of this.#listeners) listener()
    }, TELL_EVERY)
  }
}
