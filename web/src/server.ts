// What the server says about itself, and how to ask it about one upload.
//
// Belongs here: requests that are not uploads. Not here: sending bytes (uploads.ts).

import { BASE } from './routing'
import { session } from './session'

export interface ServerConfig {
  /** Where uploads are created; absolute. */
  endpoint: string
  /** Bytes; 0 is no limit. */
  maxSize: number
  /** Seconds that an unfinished upload is kept after its last byte; 0 is for ever. */
  expiry: number
  /** Finished files can be fetched. */
  downloads: boolean
  /** Uploads can be deleted. */
  termination: boolean
  /** Files are scanned for viruses before anybody may fetch them. */
  scanning: boolean
}

/** What people see of a file; the server derives it. */
export type FileStatus = 'uploading' | 'uploaded' | 'scanning' | 'ready' | 'quarantined' | 'failed'

const TUS = { 'Tus-Resumable': '1.0.0' }

export async function fetchConfig(): Promise<ServerConfig> {
  const answer = await fetch(new URL('api/v1/config', BASE), { headers: { Accept: 'application/json' } })
  if (!answer.ok) throw new Error(`api/v1/config: ${answer.status}`)
  const said = await answer.json()
  return {
    endpoint: said.endpoint,
    maxSize: said.max_size,
    expiry: said.expiry,
    downloads: said.downloads,
    termination: said.termination,
    scanning: said.scanning ?? false,
  }
}

const ANSWERS_WITHIN = 10_000 // milliseconds

export async function isReachable(): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(ANSWERS_WITHIN)
    return (await fetch(new URL('api/v1/config', BASE), { method: 'HEAD', cache: 'no-store', signal })).status < 500
  } catch {
    return false
  }
}

export type Offset = { known: true; offset: number } | { known: false; gone: boolean }

/** How far an upload is, from the only one who knows. */
export async function fetchOffset(url: string): Promise<Offset> {
  try {
    const answer = await fetch(url, { method: 'HEAD', headers: { ...TUS, ...session.headers() } })
    const offset = Number.parseInt(answer.headers.get('Upload-Offset') ?? '', 10)
    if (answer.ok && Number.isSafeInteger(offset)) return { known: true, offset }
    // A proxy's 404 says nothing of the upload (retry.ts).
    const isOurs = answer.headers.has('Tus-Resumable')
    return { known: false, gone: isOurs && (answer.status === 404 || answer.status === 410) }
  } catch {
    return { known: false, gone: false }
  }
}

/** Delete an upload. What could not be deleted expires, so failing is no fault. */
export async function terminate(url: string): Promise<void> {
  try {
    // keepalive: also while the page is being left.
    await fetch(url, { method: 'DELETE', headers: { ...TUS, ...session.headers() }, keepalive: true })
  } catch {
    return
  }
}
