// What the operate view asks the server.

import { ask, Refusal, send } from '../api'
import { BASE } from '../routing'

export interface Minute {
  at: string
  created: number
  finished: number
  received: number
  jobs: number
}

export interface UnderWay {
  upload_id: string
  tenant: string
  user_id: string
  filename: string | null
  offset: number
  length: number | null
  created_at: string
  updated_at: string
  is_written: boolean
  /** The one that takes its bytes now. */
  worker: string | null
}

export interface Stats {
  now: string
  minutes: Minute[]
  stored: { files: number; versions: number; bytes: number; quarantined: number }
  unfinished: number
  uploads: UnderWay[]
  jobs: { consumer: string; waiting: number; running: number; failing: number; overdue: number }[]
  workers: { worker: string; node: string }[]
}

export interface Closed {
  file_id: string
  version: number
  user_id: string
  filename: string | null
  file_size: number
  virus_status: 'infected' | 'unscannable'
  finding: string | null
  scanned_at: string | null
  released_by: string | null
}

export interface Delivery {
  delivery_id: string
  relay: string
  type: string
  upload_id: string
  state: string
  tries: number
  last_error: string | null
  failed_since: string
  next_try: string | null
}

export interface Relay {
  name: string
  waiting: number
  dead: number
  held_by: string | null
}

export interface AuditEvent {
  id: string
  type: string
  timestamp: string
  cursor: string
  data: Record<string, unknown>
}

export interface Setting {
  section: string
  name: string
  value: string
  source: string
  is_default: boolean
}

export type Light = 'ok' | 'low on space' | 'failed' | 'timeout'

export function fetchStats(minutes: number, signal: AbortSignal): Promise<Stats> {
  return ask<Stats>(`api/v1/admin/stats?minutes=${minutes}`, { signal })
}

/** Also where something is down: that is an answer, too. */
export async function fetchLights(signal: AbortSignal): Promise<Record<string, Light>> {
  try {
    const answer = await fetch(new URL('readyz', BASE), { cache: 'no-store', signal })
    return ((await answer.json()) as { checks: Record<string, Light> }).checks
  } catch (error) {
    if (signal.aborted) throw error
    throw new Refusal(0, 'NETWORK', '')
  }
}

export function fetchQuarantine(cursor: string, signal: AbortSignal): Promise<{ files: Closed[]; next: string | null }> {
  return ask(`api/v1/admin/quarantine${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ''}`, { signal })
}

function placeOf({ file_id, version }: Closed): string {
  return `api/v1/admin/quarantine/${file_id}/versions/${version}`
}

/** What was shown is decided about, and nothing that was found since. */
function asShown({ finding }: Closed): string {
  return finding === null ? '' : `?finding=${encodeURIComponent(finding)}`
}

export async function release(closed: Closed): Promise<void> {
  await send(`${placeOf(closed)}/release${asShown(closed)}`, { method: 'POST' })
}

export async function remove(closed: Closed): Promise<void> {
  await send(`${placeOf(closed)}${asShown(closed)}`, { method: 'DELETE' })
}

export interface Deliveries {
  relays: Relay[]
  deliveries: Delivery[]
  next: string | null
}

export function fetchDeliveries(cursor: string, signal: AbortSignal): Promise<Deliveries> {
  return ask(`api/v1/admin/webhooks${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ''}`, { signal })
}

export async function redeliver(deliveryId: string): Promise<void> {
  await send(`api/v1/admin/webhooks/${deliveryId}/redeliver`, { method: 'POST' })
}

export function findEvents(
  query: URLSearchParams,
  cursor: string,
  signal: AbortSignal,
): Promise<{ events: AuditEvent[]; next: string | null }> {
  const asked = new URLSearchParams(query)
  asked.set('order', 'newest')
  if (cursor) asked.set('cursor', cursor)
  return ask(`api/v1/admin/events?${asked}`, { signal })
}

export async function fetchSettings(signal: AbortSignal): Promise<Setting[]> {
  return (await ask<{ settings: Setting[] }>('api/v1/admin/config', { signal })).settings
}
