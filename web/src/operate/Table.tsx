// A table that comes page by page.

import type { ReactNode } from 'react'
import { useLanguage } from '../locales'

interface Props<T> {
  title: string
  head: string[]
  empty: string
  rows: T[] | undefined
  more?: (() => void) | undefined
  moreLabel: string
  children: (row: T) => ReactNode
}

export function Table<T>({ title, head, empty, rows, more, moreLabel, children }: Props<T>) {
  const { locale } = useLanguage()
  if (!rows) return <p role="status">{locale.views.loading}</p>
  if (!rows.length) return <p className="sheet none">{empty}</p>
  return (
    <section className="sheet table">
      <div className="scroll" tabIndex={0} role="group" aria-label={title}>
        <table>
          <thead>
            <tr>
              {head.map((one, index) => (one ? <th key={one} scope="col">{one}</th> : <td key={index} />))}
            </tr>
          </thead>
          <tbody>{rows.map(children)}</tbody>
        </table>
      </div>
      {more && (
        <button type="button" className="small" onClick={more}>
          {moreLabel}
        </button>
      )}
    </section>
  )
}
