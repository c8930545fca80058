// What to do after a failure: wait and try again, begin again, or give up.
//
// Belongs here: the judgement. Not here: timers and requests (uploads.ts).

import { DetailedError } from 'tus-js-client'

export type Failure =
  | { kind: 'network' }
  /** The server is there but cannot now; `after` is milliseconds, where it said so. */
  | { kind: 'busy'; status: number; after: number }
  /** It no longer has the upload. */
  | { kind: 'gone' }
  /** The key or token is not taken (any more): a person has to sign in. */
  | { kind: 'unauthorized' }
  | { kind: 'refused'; status: number; said: string }

const DELAYS = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000] // milliseconds

/** Milliseconds before the attempt after `failures` failures without progress; some of it by chance. */
export function delayAfter(failures: number, failure: Failure): number {
  const planned = DELAYS[Math.min(failures - 1, DELAYS.length - 1)] ?? 0
  const spread = planned * (0.9 + Math.random() * 0.2)
  return failure.kind === 'busy' ? Math.max(spread, Math.min(failure.after, 120_000)) : spread
}

/** `resuming` is whether the upload had an address already. */
export function judge(error: Error | DetailedError, resuming: boolean): Failure {
  const response = error instanceof DetailedError ? error.originalResponse : null
  if (!response) return { kind: 'network' }
  const status = response.getStatus()
  if (status === 0) return { kind: 'network' }
  if (status === 401) return { kind: 'unauthorized' }
  if (resuming && (status === 404 || status === 410)) {
    // Only the server itself can say so. A proxy in front of it answers the same while nothing is behind it, and
    // believing that would throw away what the server has.
    return response.getHeader('Tus-Resumable') ? { kind: 'gone' } : { kind: 'busy', status, after: 0 }
  }
  if (status >= 500 || status === 423 || status === 409 || status === 429 || status === 408) {
    return { kind: 'busy', status, after: Number(response.getHeader('Retry-After') ?? 0) * 1000 || 0 }
  }
  if (status >= 400) return { kind: 'refused', status, said: plain(response.getBody()) }
  // Neither success nor failure: some proxy between us answered.
  return { kind: 'busy', status, after: 0 }
}

/** Our server says "ERR_CODE: what is wrong"; anything long is some proxy's page. */
function plain(body: string): string {
  const text = body.trim()
  return text.length > 300 || text.startsWith('<') ? '' : text.replace(/^ERR_[A-Z_]+: /, '')
}
