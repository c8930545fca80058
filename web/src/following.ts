// What becomes of finished uploads: scanning, ready, quarantined.
//
// News come over the live connection. What it does not tell in time is asked for, a few at a time.
//
// Belongs here: finding out. Not here: sending (uploads.ts), the connection (live.ts).

import { ask, Refusal } from './api'
import type { Item } from './item'
import { feed, watchFiles, type News } from './live'
import type { FileStatus, ServerConfig } from './server'

interface UploadDocument {
  file_id: string | null
  status: FileStatus
}

/** Milliseconds: before the first question, between two, and when news come by themselves. */
const FIRST = 500
const AGAIN = 3_000
const SELDOM = 15_000
const ASKED_AT_ONCE = 20
/** News that are kept until the upload they are about is here. */
const EARLY = 200
/** News that change what people see of a file. */
const TELLING = /^(upload\.(stored|scanned|scan_failed|lost)|file\.(quarantined|released|deleted))$/

export class Following {
  /** Every upload that was finished here, by its id: also later somebody may release or delete it. */
  #known = new Map<string, Item>()
  /** Those of which more is expected, and when they are asked about. */
  #open = new Map<string, number>()
  /** News of uploads that were told faster than the answer to their last request. */
  #early = new Map<string, News>()
  #hangUp: (() => void) | undefined
  #timer = 0
  #asking = false

  constructor(
    private readonly config: ServerConfig,
    private readonly changed: () => void,
  ) {}

  /** Before the first upload is finished, so that nothing is missed. */
  listen(): void {
    this.#hangUp ??= watchFiles((news) => this.#hear(news), () => this.#askAll())
  }

  /** Find out nothing more. */
  close(): void {
    this.#hangUp?.()
    this.#open.clear()
    clearTimeout(this.#timer)
  }

  /** From when its last byte was confirmed. */
  add(item: Item): void {
    const id = uploadIdOf(item.url)
    if (!id) return
    this.#known.set(id, item)
    this.#open.set(id, Date.now() + (feed.connected ? AGAIN : FIRST))
    this.listen()
    const early = this.#early.get(id)
    this.#early.delete(id)
    if (early) this.#hear(early)
    this.#wake(FIRST)
  }

  remove(items: Item[]): void {
    for (const item of items) {
      this.#known.delete(uploadIdOf(item.url))
      this.#open.delete(uploadIdOf(item.url))
    }
  }

  #hear({ uploadId, fileId, kind }: News): void {
    if (!TELLING.test(kind)) return
    const item = this.#known.get(uploadId)
    if (!item) return this.#keepEarly({ uploadId, fileId, kind })
    if (fileId) item.fileId = fileId
    if (kind === 'upload.stored') {
      item.fileStatus ??= this.config.scanning ? 'scanning' : 'uploaded'
      if (!this.config.scanning) this.#open.delete(uploadId)
      this.changed()
      return
    }
    // What a verdict means is for the server to say.
    this.#open.set(uploadId, 0)
    this.#wake(0)
  }

  #keepEarly(news: News): void {
    this.#early.set(news.uploadId, news)
    const [oldest] = this.#early.keys()
    if (this.#early.size > EARLY && oldest) this.#early.delete(oldest)
  }

  #askAll(): void {
    for (const id of this.#known.keys()) this.#open.set(id, 0)
    this.#wake(0)
  }

  #wake(delay: number): void {
    // A round that is under way looks at its end what is due.
    if (this.#asking || (delay && this.#timer)) return
    clearTimeout(this.#timer)
    this.#timer = window.setTimeout(() => void this.#round(), delay)
  }

  async #round(): Promise<void> {
    this.#timer = 0
    this.#asking = true
    const now = Date.now()
    const due = [...this.#open].filter(([, at]) => at <= now).slice(0, ASKED_AT_ONCE)
    for (const [id] of due) this.#open.set(id, now + (feed.connected ? SELDOM : AGAIN))
    await Promise.all(due.map(([id]) => this.#ask(id)))
    if (due.length) this.changed()
    this.#asking = false
    const isDue = [...this.#open.values()].some((at) => at <= Date.now())
    if (this.#open.size) this.#wake(isDue ? 1 : FIRST)
  }

  async #ask(id: string): Promise<void> {
    const item = this.#known.get(id)
    if (!item) return
    try {
      const { file_id: fileId, status } = await ask<UploadDocument>(`api/v1/uploads/${id}`)
      if (fileId) item.fileId = fileId
      // Without a scanner nobody looked into it, and "ready" would promise that.
      if (status !== 'uploading') item.fileStatus = status === 'ready' && !this.config.scanning ? 'uploaded' : status
      if (this.#isSettled(status)) this.#open.delete(id)
    } catch (refused) {
      if (!(refused instanceof Refusal) || refused.status !== 404) return
      // Deleted meanwhile, or an application that has no such routes.
      this.#open.delete(id)
      if (item.fileId) item.isGone = true
    }
  }

  /** Nothing more will happen by itself. */
  #isSettled(status: FileStatus): boolean {
    if (status === 'uploaded') return !this.config.scanning
    return status !== 'uploading' && status !== 'scanning'
  }
}

function uploadIdOf(url: string): string {
  return url.split('/').at(-1) ?? ''
}
