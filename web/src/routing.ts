// Which view the address names, and what its query says.
//
// Every view lies beside the others (/, /library, /operate) and says the rest in its query, so that the page and
// all its relative addresses also work below a path of some proxy.
//
// Belongs here: reading and changing the address. Not here: what a query means (each view).

import { useMemo, useSyncExternalStore } from 'react'

export const VIEWS = { upload: '', library: 'library', operate: 'operate' } as const

export type View = keyof typeof VIEWS

/** Where the page, or else the server that another page uploads to, is; with a slash at the end. */
export let BASE = new URL('.', location.href).href

/** For pages that the server does not serve itself; before anything is asked. */
export function serveFrom(url: string): void {
  BASE = new URL('.', new URL(url, location.href)).href
}

const MOVED = 'tusd-py-moved'

export function viewOf(href: string): View {
  const name = new URL(href).pathname.split('/').at(-1)
  return (Object.keys(VIEWS) as View[]).find((view) => VIEWS[view] === name) ?? 'upload'
}

export function addressOf(view: View, query: Record<string, string> = {}): string {
  const url = new URL(VIEWS[view], BASE)
  url.search = new URLSearchParams(query).toString()
  return url.href
}

/** Go to a view as a link would: the way back is kept. */
export function go(view: View, query: Record<string, string> = {}): void {
  const same = viewOf(location.href) === view
  move('pushState', addressOf(view, query))
  if (!same) window.scrollTo(0, 0)
}

/** Change what the query says; '' takes a name out. `keepsWay` makes it a step that "back" undoes. */
export function setQuery(changes: Record<string, string>, { keepsWay = false } = {}): void {
  const url = new URL(location.href)
  for (const [name, value] of Object.entries(changes)) {
    if (value) url.searchParams.set(name, value)
    else url.searchParams.delete(name)
  }
  if (url.href !== location.href) move(keepsWay ? 'pushState' : 'replaceState', url.href)
}

function move(how: 'pushState' | 'replaceState', href: string): void {
  history[how](null, '', href)
  window.dispatchEvent(new Event(MOVED))
}

function subscribe(listener: () => void): () => void {
  window.addEventListener('popstate', listener)
  window.addEventListener(MOVED, listener)
  return () => {
    window.removeEventListener('popstate', listener)
    window.removeEventListener(MOVED, listener)
  }
}

export function useView(): View {
  return useSyncExternalStore(subscribe, () => viewOf(location.href))
}

export function useQuery(): URLSearchParams {
  const search = useSyncExternalStore(subscribe, () => location.search)
  return useMemo(() => new URLSearchParams(search), [search])
}
