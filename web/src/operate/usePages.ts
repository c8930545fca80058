// A list that the server gives page by page, with the pages that were asked for so far.

import { useCallback, useEffect, useRef, useState } from 'react'
import { Refusal } from '../api'
import { useSession } from '../session'

export interface Pages<T> {
  /** undefined until the first page is there. */
  rows: T[] | undefined
  refusal: Refusal | undefined
  /** Undefined where there is nothing more. */
  more: (() => void) | undefined
  again: () => void
}

type Ask<T> = (cursor: string, signal: AbortSignal) => Promise<{ rows: T[]; next: string | null }>

export function usePages<T>(question: string, ask: Ask<T>, delay = 0): Pages<T> {
  const { entries } = useSession()
  const [said, setSaid] = useState<{ rows?: T[]; next: string | null; refusal?: Refusal }>({ next: null })
  const [turn, setTurn] = useState(0)
  const latest = useRef(ask)
  latest.current = ask
  const asking = useRef<AbortController>(undefined)
  const load = useCallback(async (cursor: string) => {
    asking.current?.abort()
    const current = new AbortController()
    asking.current = current
    try {
      const page = await latest.current(cursor, current.signal)
      if (current.signal.aborted) return
      setSaid((before) => ({ rows: cursor ? [...(before.rows ?? []), ...page.rows] : page.rows, next: page.next }))
    } catch (error) {
      if (current.signal.aborted) return
      const refusal = error instanceof Refusal ? error : new Refusal(0, '', String(error))
      setSaid((before) => ({ ...before, refusal }))
    }
  }, [])
  useEffect(() => {
    const timer = setTimeout(() => void load(''), delay)
    return () => {
      clearTimeout(timer)
      asking.current?.abort()
    }
  }, [load, question, turn, entries, delay])
  const { rows, next, refusal } = said
  return {
    rows,
    refusal,
    more: next ? () => void load(next) : undefined,
    again: useCallback(() => setTurn((before) => before + 1), []),
  }
}
