// The list of files. Only rows near the window exist, and pages are asked for as their end comes near.

import { useEffect, useRef } from 'react'
import { useLanguage } from '../locales'
import { Trouble } from '../parts/Trouble'
import { useFocused, useWindow } from '../parts/useWindow'
import { ViewLink } from '../parts/ViewLink'
import type { ServerConfig } from '../server'
import { FileRow } from './FileRow'
import type { FileList } from './list'

/** Rows that are still unseen when the next page is asked for. */
const AHEAD = 100

interface Props {
  list: FileList
  config: ServerConfig
  filtered: boolean
  opened: string
}

export function FileRows({ list, config, filtered, opened }: Props) {
  const { locale } = useLanguage()
  const element = useRef<HTMLUListElement>(null)
  const { files, standing } = list
  const { first, last, height } = useWindow(element, files.length)
  const focused = useFocused(element)
  useEffect(() => {
    if (standing === 'more' && last > files.length - AHEAD) list.more()
  }, [list, standing, last, files.length])
  if (!files.length && standing === 'complete') return <Nothing filtered={filtered} />
  const shown = files.slice(first, last).map((file, index) => ({ file, index: first + index }))
  // The row with the focus stays, wherever it was scrolled to.
  const held = focused && !shown.some(({ file }) => file.file_id === focused) ? files.findIndex((one) => one.file_id === focused) : -1
  const heldFile = files[held]
  if (heldFile) shown.push({ file: heldFile, index: held })
  return (
    <>
      {files.length > 0 && (
        <section className="sheet files" aria-label={locale.library.files} aria-busy={standing === 'loading'}>
          <ul ref={element} className="list" style={{ height: files.length * height }}>
            {shown.map(({ file, index }) => (
              <FileRow
                key={file.file_id}
                file={file}
                list={list}
                config={config}
                position={index + 1}
                count={standing === 'complete' ? files.length : -1}
                top={index * height}
                opened={file.file_id === opened}
              />
            ))}
          </ul>
        </section>
      )}
      {standing === 'loading' && <p className="loading" role="status">{files.length ? locale.library.loadingMore : locale.views.loading}</p>}
      {standing === 'failed' && list.refusal && <Trouble refusal={list.refusal} onAgain={() => list.again()} />}
    </>
  )
}

function Nothing({ filtered }: { filtered: boolean }) {
  const { library } = useLanguage().locale
  return (
    <section className="sheet nothing">
      <h2>{filtered ? library.nothing : library.empty}</h2>
      <p>{filtered ? library.nothingHint : library.emptyHint}</p>
      {!filtered && (
        <ViewLink view="upload" className="button primary">
          {library.toUpload}
        </ViewLink>
      )}
    </section>
  )
}
