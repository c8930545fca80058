// One file: what is known of it, what it is called, its versions and its links.

import { useEffect, useState, type MouseEvent } from 'react'
import { asRefusal, type Refusal } from '../api'
import { download, downloadAddress } from '../download'
import { watchFiles } from '../live'
import { useLanguage } from '../locales'
import { Badge } from '../parts/Badge'
import { CopyButton } from '../parts/CopyButton'
import { Sheet } from '../parts/Sheet'
import { Trouble } from '../parts/Trouble'
import type { ServerConfig } from '../server'
import { useSession } from '../session'
import { useAnswer } from '../useAnswer'
import { fetchFile, nameOf, statusOf, type File } from './api'
import { EditForm } from './EditForm'
import { isServed } from './FileRow'
import { Links } from './Links'
import type { FileList } from './list'
import { Versions } from './Versions'

interface Props {
  fileId: string
  list: FileList
  config: ServerConfig
  onClose: () => void
}

export function Details({ fileId, list, config, onClose }: Props) {
  const { locale } = useLanguage()
  const words = locale.library
  const { value, refusal, again, put } = useAnswer(fileId, (signal) => fetchFile(fileId, signal))
  useEffect(() => watchFiles((news) => news.fileId === fileId && again()), [fileId, again])
  const [problem, setProblem] = useState<Refusal>()
  const file = value?.file
  const changed = () => {
    again()
    list.refresh(fileId)
  }
  return (
    <Sheet title={file ? nameOf(file) : words.details.title} closing={words.details.close} onClose={onClose}>
      {!file && refusal?.status === 404 && <p role="alert">{words.details.gone}</p>}
      {refusal && refusal.status !== 404 && <Trouble refusal={refusal} onAgain={again} />}
      {file && value && (
        <>
          <div className="line">
            <Badge status={statusOf(file)} />
            {config.downloads && isServed(file) && <DownloadButton file={file} onRefused={setProblem} />}
          </div>
          {problem && <Trouble refusal={problem} />}
          <NotReady file={file} />
          <Facts file={file} />
          <EditForm
            key={fileId}
            shown={value}
            onNews={(news) => {
              put(news)
              list.put(news.file)
            }}
          />
          <Versions file={file} downloads={config.downloads} onRestored={changed} />
          {config.downloads && <Links fileId={fileId} />}
          <section className="part">
            <button
              type="button"
              className="danger"
              onClick={() => {
                list.remove(file)
                onClose()
              }}
            >
              {words.details.remove}
            </button>
          </section>
        </>
      )}
    </Sheet>
  )
}

function DownloadButton({ file, onRefused }: { file: File; onRefused: (refusal: Refusal | undefined) => void }) {
  const { actions } = useLanguage().locale
  const fetchIt = (event: MouseEvent) => {
    onRefused(undefined)
    download(event, file.file_id).catch((error) => onRefused(asRefusal(error)))
  }
  return (
    <a
      className="button primary"
      href={downloadAddress(file.file_id)}
      download
      onClick={fetchIt}
    >
      {actions.download}
    </a>
  )
}

function NotReady({ file }: { file: File }) {
  const { notReady } = useLanguage().locale.library.details
  if (file.status === 'ready' || file.status === 'uploaded') return null
  return <p className={file.status === 'quarantined' || file.status === 'failed' ? 'remark bad' : 'remark'}>{notReady[file.status]}</p>
}

function Facts({ file }: { file: File }) {
  const { locale, format } = useLanguage()
  const { details } = locale.library
  const { isAdmin } = useSession()
  const claimed = file.declared_type && file.declared_type !== file.mime_type ? ` (${details.declared(file.declared_type)})` : ''
  const facts: [string, string][] = [
    [details.size, format.bytes(file.file_size)],
    [details.type, `${file.mime_type}${claimed}`],
    [details.uploaded, format.date(Date.parse(file.created_at))],
    ...(file.updated_at === file.created_at ? [] : [[details.changed, format.date(Date.parse(file.updated_at))] as [string, string]]),
    ...(isAdmin ? [[details.owner, file.user_id] as [string, string]] : []),
    ...(file.path ? [[details.path, file.path] as [string, string]] : []),
  ]
  return (
    <dl className="facts">
      {facts.map(([term, said]) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{said}</dd>
        </div>
      ))}
      {file.sha256 && (
        <div>
          <dt>{details.digest}</dt>
          <dd className="mono">
            <span>{file.sha256}</span>
            <CopyButton text={file.sha256} of={details.digest} what={details.digest} />
          </dd>
        </div>
      )}
    </dl>
  )
}
