// Bytes a second, from what was sent during the last seconds.

const WINDOW = 5_000 // milliseconds

export class Speed {
  #seen: { at: number; bytes: number }[] = []

  /** `bytes` in all so far; a smaller number than before begins anew. */
  note(bytes: number, at: number): void {
    const last = this.#seen.at(-1)
    if (last && bytes < last.bytes) this.#seen = []
    if (last && at - last.at < 100) return
    this.#seen.push({ at, bytes })
    while ((this.#seen[0]?.at ?? at) < at - WINDOW) this.#seen.shift()
  }

  forget(): void {
    this.#seen = []
  }

  /** 0 while there is too little to say. */
  get(): number {
    const first = this.#seen[0]
    const last = this.#seen.at(-1)
    if (!first || !last || last.at - first.at < 300) return 0
    return ((last.bytes - first.bytes) / (last.at - first.at)) * 1000
  }
}
