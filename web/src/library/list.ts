// The files that fit, as far as they were asked for: pages behind a cursor, and what changed in them meanwhile.
//
// The array stays the same one and is changed in place: with 100,000 files a copy for each page would be most of
// what scrolling costs. Who looks at it is told by `version`.
//
// Belongs here: the list and what happens to it. Not here: how it looks, what the address says (filters.ts).

import { Refusal } from '../api'
import { newId } from '../memory'
import { AT_ONCE, deleteFile, fetchFile, findFiles, type File, type Page } from './api'

export type Standing = 'loading' | 'more' | 'complete' | 'failed'

export type Said = { id: string; file: File } & (
  | { kind: 'deleted' | 'not deleted' }
  | { kind: 'not fetched'; refusal: Refusal }
)

const UNDO_WITHIN = 8_000 // milliseconds
const SHOWN_FOR = 6_000
const REFRESH_AFTER = 300
const LOOK_AGAIN_AFTER = 1_000

export class FileList {
  files: File[] = []
  standing: Standing = 'loading'
  refusal: Refusal | undefined
  said: Said[] = []

  #question = new URLSearchParams()
  #next: string | null = null
  #asking: AbortController | undefined
  #timer = 0
  #looking = 0
  #leaving = new Map<string, number>()
  #stale = new Map<string, number>()
  #listeners = new Set<() => void>()
  #version = 0

  constructor() {
    window.addEventListener('pagehide', this.settle)
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  version = (): number => this.#version

  /** Ask for other files, `delay` milliseconds from now; what was asked before is of no interest any more. */
  look(question: URLSearchParams, delay: number): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#looking)
    this.#looking = 0
    this.#asking?.abort()
    this.#question = question
    this.standing = 'loading'
    this.#tell()
    this.#timer = window.setTimeout(() => void this.#load(true), delay)
  }

  /** Ask for the next page, if there is one and nobody asks already. */
  more(): void {
    if (this.standing !== 'more') return
    this.standing = 'loading'
    void this.#load(false)
  }

  again(): void {
    this.standing = 'loading'
    this.#tell()
    void this.#load(!this.#next)
  }

  /** It changed: here, or as the server told. Asked for once, however often that is said in a moment. */
  refresh(fileId: string): void {
    if (fileId && this.#indexOf(fileId) < 0) return this.#lookAgain()
    if (!fileId || this.#stale.has(fileId)) return
    const reload = async () => {
      this.#stale.delete(fileId)
      try {
        this.put((await fetchFile(fileId)).file)
      } catch (refused) {
        if (refused instanceof Refusal && refused.status === 404) this.#drop(fileId)
      }
    }
    this.#stale.set(fileId, window.setTimeout(() => void reload(), REFRESH_AFTER))
  }

  /** One that is new may fit. In a list that one answer holds it gets its place; a longer one keeps still for who reads it. */
  #lookAgain(): void {
    if (this.#looking || this.standing !== 'complete' || this.files.length >= AT_ONCE) return
    const question = this.#question
    const ask = async () => {
      this.#looking = 0
      const asking = new AbortController()
      this.#asking = asking
      const page = await findFiles(question, null, asking.signal).catch(() => undefined)
      if (page && !asking.signal.aborted && this.standing === 'complete') this.#show(page, true)
    }
    this.#looking = window.setTimeout(() => void ask(), LOOK_AGAIN_AFTER)
  }

  put(file: File): void {
    const index = this.#indexOf(file.file_id)
    if (index >= 0) this.files[index] = file
    this.#tell()
  }

  /** Out of the list now; on the server when the time for an undo is over. */
  remove(file: File): void {
    this.#drop(file.file_id)
    const id = newId()
    this.said = [...this.said, { id, kind: 'deleted', file }]
    this.#leaving.set(id, window.setTimeout(() => void this.#delete(id), UNDO_WITHIN))
    this.#tell()
  }

  undo(id: string): void {
    const said = this.said.find((one) => one.id === id)
    if (!said || !this.#leaving.has(id)) return
    clearTimeout(this.#leaving.get(id))
    this.#leaving.delete(id)
    this.said = this.said.filter((one) => one !== said)
    // Where it stood is not remembered; the server knows the order.
    this.look(this.#question, 0)
  }

  /** A download did not begin. */
  notFetched(file: File, refusal: Refusal): void {
    const id = newId()
    this.said = [...this.said, { id, kind: 'not fetched', file, refusal }]
    window.setTimeout(() => this.#hush(id), SHOWN_FOR)
    this.#tell()
  }

  dismiss(id: string): void {
    if (this.#leaving.has(id)) void this.#delete(id)
    else this.#hush(id)
  }

  /** Do now what waits for an undo: the page is being left. */
  settle = (): void => {
    for (const id of [...this.#leaving.keys()]) void this.#delete(id)
  }

  close(): void {
    this.settle()
    clearTimeout(this.#timer)
    clearTimeout(this.#looking)
    this.#asking?.abort()
    window.removeEventListener('pagehide', this.settle)
  }

  async #load(anew: boolean): Promise<void> {
    const asking = new AbortController()
    this.#asking = asking
    try {
      const page = await findFiles(this.#question, anew ? null : this.#next, asking.signal)
      if (asking.signal.aborted) return
      const shown = this.#show(page, anew)
      // A page may be short: the server looks at so many files for one answer, not longer.
      if (!shown && page.next) return void this.#load(false)
    } catch (error) {
      if (asking.signal.aborted) return
      this.refusal = error instanceof Refusal ? error : new Refusal(0, '', String(error))
      this.standing = 'failed'
      if (anew) {
        this.files = []
        this.#next = null
      }
    }
    this.#tell()
  }

  /** How many of them; those that are being deleted are not. */
  #show(page: Page, anew: boolean): number {
    const leaving = new Set(this.said.filter(({ id }) => this.#leaving.has(id)).map(({ file }) => file.file_id))
    const found = page.files.filter((file) => !leaving.has(file.file_id))
    if (anew) this.files = found
    else this.files.push(...found)
    this.#next = page.next
    this.refusal = undefined
    this.standing = page.next ? 'more' : 'complete'
    this.#tell()
    return found.length
  }

  async #delete(id: string): Promise<void> {
    const said = this.said.find((one) => one.id === id)
    clearTimeout(this.#leaving.get(id))
    this.#leaving.delete(id)
    if (!said) return
    try {
      await deleteFile(said.file.file_id)
      this.#hush(id)
    } catch (refused) {
      if (refused instanceof Refusal && refused.status === 404) return this.#hush(id)
      this.said = this.said.map((one) => (one === said ? { ...one, kind: 'not deleted' } : one))
      window.setTimeout(() => this.#hush(id), SHOWN_FOR)
      this.look(this.#question, 0)
    }
  }

  #drop(fileId: string): void {
    const index = this.#indexOf(fileId)
    if (index >= 0) this.files.splice(index, 1)
    this.#tell()
  }

  #indexOf(fileId: string): number {
    return this.files.findIndex((one) => one.file_id === fileId)
  }

  #hush(id: string): void {
    this.said = this.said.filter((one) => one.id !== id)
    this.#tell()
  }

  #tell(): void {
    this.#version += 1
    for (const listener of this.#listeners) listener()
  }
}

