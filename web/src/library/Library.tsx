// The library, put together. The address says which files are wanted and which one is open.

import { useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { useLanguage, type Language } from '../locales'
import { watchFiles } from '../live'
import { Toasts } from '../parts/Toasts'
import { reasonOf } from '../parts/Trouble'
import { setQuery, useQuery } from '../routing'
import type { ServerConfig } from '../server'
import { useSession } from '../session'
import { nameOf } from './api'
import { Details } from './Details'
import { FileRows } from './FileRows'
import { FilterBar } from './FilterBar'
import { filtersOf, isFiltered, questionOf, type Filters } from './filters'
import { FileList, type Said } from './list'
import './library.css'

/** Milliseconds without a key before the server is asked. */
const TYPING = 200

export default function Library({ config }: { config: ServerConfig }) {
  const { locale } = useLanguage()
  const query = useQuery()
  const { entries } = useSession()
  const filters = filtersOf(query)
  const opened = query.get('file') ?? ''
  const list = useFileList(filters, entries)
  return (
    <>
      <FilterBar filters={filters} list={list} />
      <FileRows list={list} config={config} filtered={isFiltered(filters)} opened={opened} />
      {opened && <Details key={opened} fileId={opened} list={list} config={config} onClose={() => setQuery({ file: '' })} />}
      <Toasts
        said={list.said.map((said) => ({
          id: said.id,
          text: textOf(said, locale),
          ...(said.kind === 'deleted' ? { onUndo: () => list.undo(said.id) } : {}),
          onClose: () => list.dismiss(said.id),
        }))}
      />
    </>
  )
}

function textOf(said: Said, locale: Language['locale']): string {
  const name = nameOf(said.file)
  if (said.kind === 'not fetched') return locale.notice.notFetched(name, reasonOf(said.refusal, locale))
  return said.kind === 'deleted' ? locale.library.deleted(name) : locale.library.notDeleted(name)
}

function useFileList(filters: Filters, entries: number): FileList {
  const [list] = useState(() => new FileList())
  useSyncExternalStore(list.subscribe, list.version)
  const question = questionOf(filters).toString()
  const typed = useRef(filters.q)
  useEffect(() => {
    // Only typing is waited for; a choice is one.
    const delay = typed.current === filters.q ? 0 : TYPING
    typed.current = filters.q
    list.look(new URLSearchParams(question), delay)
  }, [list, question, filters.q, entries])
  useEffect(() => watchFiles(({ fileId }) => list.refresh(fileId)), [list])
  useEffect(() => () => list.close(), [list])
  return list
}
