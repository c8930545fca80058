// How fast each upload moves, from where its line was when the server was asked before.

import { useRef } from 'react'
import { Speed } from '../speed'
import type { Stats } from './api'

/** Bytes a second by upload id. */
export function useSpeeds(stats: Stats): Map<string, number> {
  const seen = useRef(new Map<string, Speed>())
  const last = useRef<Stats>(undefined)
  if (last.current !== stats) {
    last.current = stats
    const now = Date.parse(stats.now)
    const kept = new Map<string, Speed>()
    for (const { upload_id, offset } of stats.uploads) {
      const speed = seen.current.get(upload_id) ?? new Speed()
      speed.note(offset, now)
      kept.set(upload_id, speed)
    }
    seen.current = kept
  }
  return new Map([...seen.current].map(([id, speed]) => [id, speed.get()]))
}
