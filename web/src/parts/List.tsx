// The list of uploads. Only rows near the window exist, so that thousands cost no more than a screenful.

import { useEffect, useLayoutEffect, useRef, useState } from 'react'
import { useLanguage } from '../locales'
import type { Uploads } from '../uploads'
import { Row } from './Row'

/** Rows above and below the window. */
const BEYOND = 6

export function List({ uploads, version }: { uploads: Uploads; version: number }) {
  const { locale } = useLanguage()
  const list = useRef<HTMLUListElement>(null)
  const count = uploads.items.length
  const { first, last, height } = useWindow(list, count)
  const focused = useFocused(list)
  return (
    <ul ref={list} className="list" style={{ height: count * height }} aria-label={locale.uploads}>
      {uploads.items.map((item, index) =>
        // The row with the focus stays, wherever it was scrolled to.
        (index >= first && index < last) || item.key === focused ? (
          <Row
            key={item.key}
            item={item}
            uploads={uploads}
            position={index + 1}
            count={count}
            top={index * height}
            version={version}
          />
        ) : null,
      )}
    </ul>
  )
}

interface Shown {
  first: number
  last: number
  /** Pixels of a row: all have the same, which page.css decides. */
  height: number
}

/** Which rows are near what the window shows. */
function useWindow(list: React.RefObject<HTMLUListElement | null>, count: number): Shown {
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

function useFocused(list: React.RefObject<HTMLUListElement | null>): string | undefined {
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
