// One file of the list.

import { memo } from 'react'
import { asRefusal } from '../api'
import { download, downloadAddress } from '../download'
import { useLanguage } from '../locales'
import { Badge } from '../parts/Badge'
import { Icon } from '../parts/Icon'
import { Name } from '../parts/Name'
import { setQuery } from '../routing'
import type { ServerConfig } from '../server'
import { nameOf, statusOf, type File } from './api'
import type { FileList } from './list'

interface Props {
  file: File
  list: FileList
  config: ServerConfig
  position: number
  /** -1 while nobody knows. */
  count: number
  top: number
  opened: boolean
}

export const FileRow = memo(function FileRow({ file, list, config, position, count, top, opened }: Props) {
  const { locale, format } = useLanguage()
  const { actions, library } = locale
  const name = nameOf(file)
  const open = () => setQuery({ file: file.file_id }, { keepsWay: true })
  return (
    <li
      className="row"
      style={{ transform: `translateY(${top}px)` }}
      aria-posinset={position}
      aria-setsize={count}
      data-key={file.file_id}
    >
      <div className="what">
        <button type="button" className="plain" aria-haspopup="dialog" aria-expanded={opened} aria-label={library.open(name)} onClick={open}>
          <Name path={file.path ?? name} />
        </button>
        <div className="detail">
          <Badge status={statusOf(file)} />
          <span className="numbers">
            {format.bytes(file.file_size)} · {format.date(Date.parse(file.created_at))}
          </span>
          <Tags tags={file.tags} />
        </div>
      </div>
      <div className="actions">
        {config.downloads && isServed(file) && (
          <a
            className="iconic"
            href={downloadAddress(file.file_id)}
            download
            aria-label={actions.of(actions.download, name)}
            title={actions.download}
            onClick={(event) => void download(event, file.file_id).catch((error) => list.notFetched(file, asRefusal(error)))}
          >
            <Icon name="download" />
          </a>
        )}
        <button
          type="button"
          className="iconic"
          aria-label={actions.of(library.details.remove, name)}
          title={library.details.remove}
          onClick={() => list.remove(file)}
        >
          <Icon name="trash" />
        </button>
      </div>
    </li>
  )
})

/** What the server would hand out. */
export function isServed({ status }: File): boolean {
  return status === 'ready' || status === 'uploaded'
}

function Tags({ tags }: { tags: string[] }) {
  const { library } = useLanguage().locale
  return (
    <span className="tags">
      {tags.slice(0, 4).map((tag) => (
        <button key={tag} type="button" className="tag" aria-label={library.tagged(tag)} onClick={() => setQuery({ tag })}>
          {tag}
        </button>
      ))}
      {tags.length > 4 && <span className="tag">+{tags.length - 4}</span>}
    </span>
  )
}
