// Which rows of a long list are near what the window shows. All rows have one height, which the style decides.
//
// Belongs here: measuring. Not here: what a row is.

import { useEffect, useLayoutEffect, useState, type RefObject } from 'react'

/** Rows above and below the window. */
const BEYOND = 6

export interface Shown {
  first: number
  last: number
  /** Pixels of a row. */
  height: number
}

export function useWindow(list: RefObject<HTMLElement | null>, count: number): Shown {
  const [shown, setShown] = useState<Shown>({ first: 0, last: 20, height: 84 })
  useLayoutEffect(() => {
    const measure = () => {
      if (!list.current) return
      const { top } = list.current.getBoundingClientRect()
      const height = Number.parseFloat(getComputedStyle(list.current).getPropertyValue('--row'))
      const first = Math.max(0, Math.floor(-top / height) - BEYOND)
      const last = Math.ceil((window.innerHeight - top) / height) + BEYOND
      setShown((before) =>
        before.first === first && before.last === last && before.height === height ? before : { first, last, height },
      )
    }
    measure()
    window.addEventListener('scroll', measure, { passive: true })
    window.addEventListener('resize', measure)
    return () => {
      window.removeEventListener('scroll', measure)
      window.removeEventListener('resize', measure)
    }
  }, [list, count])
  return shown
}

/** The key of the row that has the focus: it must stay, wherever it was scrolled to. */
export function useFocused(list: RefObject<HTMLElement | null>): string | undefined {
  const [key, setKey] = useState<string>()
  useEffect(() => {
    const note = () => {
      const row = document.activeElement?.closest<HTMLElement>('li[data-key]')
      setKey(row && list.current?.contains(row) ? row.dataset.key : undefined)
    }
    document.addEventListener('focusin', note)
    document.addEventListener('focusout', note)
    return () => {
      document.removeEventListener('focusin', note)
      document.removeEventListener('focusout', note)
    }
  }, [list])
  return key
}
