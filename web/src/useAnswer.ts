// What the server said to one question, asked again when the question changes, someone signs in, or it is told to.

import { useCallback, useEffect, useRef, useState } from 'react'
import { Refusal } from './api'
import { useSession } from './session'

export interface Answer<T> {
  value: T | undefined
  refusal: Refusal | undefined
  /** Ask again; what was said stays until there is something new. */
  again: () => void
  /** Take this for the answer. */
  put: (value: T) => void
}

/** `ask` may be a new function each time: `question` says when it asks for something else. */
export function useAnswer<T>(question: string, ask: (signal: AbortSignal) => Promise<T>, every = 0): Answer<T> {
  const { entries } = useSession()
  const [said, setSaid] = useState<{ question: string; value?: T; refusal?: Refusal }>({ question })
  const [turn, setTurn] = useState(0)
  const latest = useRef(ask)
  latest.current = ask
  useEffect(() => {
    const asking = new AbortController()
    let timer = 0
    const once = async () => {
      try {
        const value = await latest.current(asking.signal)
        if (!asking.signal.aborted) setSaid({ question, value })
      } catch (error) {
        if (asking.signal.aborted) return
        const refusal = error instanceof Refusal ? error : new Refusal(0, '', String(error))
        // What was known before is better than nothing.
        setSaid((before) => (before.question === question ? { ...before, refusal } : { question, refusal }))
      }
      if (every && !asking.signal.aborted) timer = window.setTimeout(() => void once(), every)
    }
    void once()
    return () => {
      clearTimeout(timer)
      asking.abort()
    }
  }, [question, turn, entries, every])
  const again = useCallback(() => setTurn((before) => before + 1), [])
  const put = useCallback((value: T) => setSaid({ question, value }), [question])
  const current = said.question === question ? said : undefined
  return { value: current?.value, refusal: current?.refusal, again, put }
}
