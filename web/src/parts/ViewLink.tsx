// A link to a view: a real address, and no new page where the browser would only show this one again.

import type { MouseEvent, ReactNode } from 'react'
import { addressOf, go, type View } from '../routing'

interface Props {
  view: View
  query?: Record<string, string>
  current?: boolean
  className?: string
  label?: string
  children: ReactNode
}

export function ViewLink({ view, query = {}, current = false, className, label, children }: Props) {
  const follow = (event: MouseEvent) => {
    // A new tab, a new window, a download: as the person wants it.
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    go(view, query)
  }
  return (
    <a
      href={addressOf(view, query)}
      className={className}
      aria-current={current ? 'page' : undefined}
      aria-label={label}
      title={label}
      onClick={follow}
    >
      {children}
    </a>
  )
}
