// What happens to one's files, as it happens: over a WebSocket, else server-sent events, else not at all, and then
// those who need to know ask now and then (`feed.connected` says so).
//
// Nobody asks who would be refused, and a refusal ends the asking until somebody else signs in.
//
// One connection for the whole page, while somebody listens. It goes on where it was after a cut, so that nothing
// is missed; when the server cannot tell any more what that was, everybody is told to look again.
//
// Belongs here: the connection. Not here: what is done with the news (following.ts, library/).

import { fetchTicket } from './api'
import { BASE } from './routing'
import { session } from './session'

export interface News {
  fileId: string
  uploadId: string
  /** "upload.stored", "file.quarantined" and so on. */
  kind: string
}

type Listener = (news: News) => void

const AGAIN = [1_000, 2_000, 5_000, 15_000, 30_000] // milliseconds
/** A proxy that swallows WebSockets may leave them open and say nothing. */
const GREETS_WITHIN = 5_000
/** After so many WebSockets in a row that said nothing, the other way is tried. */
const TRIES = 2

interface Line {
  close: () => void
}

class Feed {
  /** News come by themselves. */
  connected = false

  #listeners = new Set<Listener>()
  #resyncs = new Set<() => void>()
  #line: Line | undefined
  #cursor = ''
  #silent = 0
  #failures = 0
  #timer = 0
  /** The sign-in that was refused; another one may ask. */
  #refused = -1

  listen(listener: Listener, onResync?: () => void): () => void {
    this.#listeners.add(listener)
    if (onResync) this.#resyncs.add(onResync)
    this.#connect()
    return () => {
      this.#listeners.delete(listener)
      if (onResync) this.#resyncs.delete(onResync)
      if (!this.#listeners.size) this.#hangUp()
    }
  }

  #connect(): void {
    clearTimeout(this.#timer)
    if (this.#line || !this.#listeners.size || !session.hasLibrary || this.#refused === session.entries) return
    const closed = { is: false }
    this.#line = { close: () => (closed.is = true) }
    void fetchTicket().then(
      (ticket) => {
        if (closed.is) return
        this.#line = this.#silent < TRIES ? this.#socket(ticket) : this.#stream(ticket)
      },
      () => {
        if (!closed.is) this.#lost()
      },
    )
  }

  #socket(ticket: string): Line {
    const url = new URL('api/v1/live', BASE)
    url.protocol = url.protocol.replace('http', 'ws')
    if (ticket) url.searchParams.set('ticket', ticket)
    const socket = new WebSocket(url)
    const patience = window.setTimeout(() => socket.close(), GREETS_WITHIN)
    let greeted = false
    socket.onopen = () => {
      socket.send(JSON.stringify({ subscribe: this.#cursor ? { after: this.#cursor } : {} }))
    }
    socket.onmessage = ({ data }) => {
      const said = JSON.parse(data)
      if (said.type === 'subscribed') {
        greeted = true
        clearTimeout(patience)
        this.#silent = 0
        this.#joined()
      }
      if (said.cursor) this.#cursor = said.cursor
      if (said.type === 'event') this.#tell(said.event.type, said.event.data)
      if (said.type === 'resync') this.#resync()
      // A cursor that is none any more.
      if (said.type === 'error') this.#cursor = ''
    }
    socket.onclose = () => {
      clearTimeout(patience)
      if (!greeted) this.#silent += 1
      this.#lost()
    }
    return {
      close: () => {
        socket.onclose = null
        clearTimeout(patience)
        socket.close()
      },
    }
  }

  #stream(ticket: string): Line {
    const url = new URL('api/v1/events', BASE)
    if (ticket) url.searchParams.set('ticket', ticket)
    if (this.#cursor) url.searchParams.set('after', this.#cursor)
    const stream = new EventSource(url)
    stream.onopen = () => this.#joined()
    stream.addEventListener('event', (event) => {
      this.#cursor = event.lastEventId || this.#cursor
      const said = JSON.parse((event as MessageEvent<string>).data)
      this.#tell(said.type, said.data)
    })
    stream.addEventListener('cursor', (event) => (this.#cursor = event.lastEventId || this.#cursor))
    stream.addEventListener('resync', (event) => {
      this.#cursor = event.lastEventId || this.#cursor
      this.#resync()
    })
    stream.onerror = () => {
      // Closed by itself: the answer was no stream. Which one it was, only another request can tell.
      const answered = stream.readyState === EventSource.CLOSED
      // By itself it would come again with a ticket that is no longer good.
      stream.close()
      if (answered) void this.#refusedOrLost(url)
      else this.#lost()
    }
    return { close: () => stream.close() }
  }

  #joined(): void {
    this.connected = true
    this.#failures = 0
  }

  #lost(): void {
    this.#line = undefined
    this.connected = false
    const delay = AGAIN[Math.min(this.#failures, AGAIN.length - 1)] ?? 0
    this.#failures += 1
    clearTimeout(this.#timer)
    this.#timer = window.setTimeout(() => this.#connect(), delay)
  }

  async #refusedOrLost(url: URL): Promise<void> {
    const asking = session.entries
    const status = await fetch(url, { method: 'HEAD' }).then((answer) => answer.status, () => 0)
    if (status === 403 || status === 404) this.#refused = asking
    this.#lost()
  }

  #hangUp(): void {
    clearTimeout(this.#timer)
    this.#line?.close()
    this.#line = undefined
    this.connected = false
  }

  #tell(kind: string, data: { file_id?: string; upload_id?: string }): void {
    const news = { kind, fileId: data.file_id ?? '', uploadId: data.upload_id ?? '' }
    for (const listener of this.#listeners) listener(news)
  }

  #resync(): void {
    for (const listener of this.#resyncs) listener()
  }

  /** Somebody else signed in, or the same one anew: the old connection ends by itself. */
  wake(): void {
    if (!this.connected && session.standing === 'in') this.#connect()
  }
}

export const feed = new Feed()

session.subscribe(() => feed.wake())

export function watchFiles(listener: Listener, onResync?: () => void): () => void {
  return feed.listen(listener, onResync)
}
