// The library, put together. The address says which files are wanted and which one is open.

import { useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { useLanguage } from '../locales'
import { watchFiles } from '../live'
import { Toasts } from '../parts/Toasts'
import { setQuery, useQuery } from '../routing'
import type { ServerConfig } from '../server'
import { useSession } from '../session'
import { nameOf } from './api'
import { Details } from './Details'
import { FileRows } from './FileRows'
import { FilterBar } from './FilterBar'
import { filtersOf, isFiltered, questionOf, type Filters } from './filters'
import { FileList } from './list'
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
        said={list.said.map(({ id, kind, file }) => ({
          id,
          text: kind === 'deleted' ? locale.library.deleted(nameOf(file)) : locale.library.notDeleted(nameOf(file)),
          ...(kind === 'deleted' ? { onUndo: () => list.undo(id) } : {}),
          onClose: () => list.dismiss(id),
        }))}
      />
    </>
  )
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
