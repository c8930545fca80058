// The versions of a file: fetched one by one, or made the current one again.

import { useState } from 'react'
import { asRefusal, type Refusal } from '../api'
import { download, downloadAddress } from '../download'
import { useLanguage } from '../locales'
import { Badge } from '../parts/Badge'
import { Icon } from '../parts/Icon'
import { Trouble } from '../parts/Trouble'
import { useAnswer } from '../useAnswer'
import { fetchVersions, restoreVersion, statusOf, type File } from './api'
import { isServed } from './FileRow'

interface Props {
  file: File
  downloads: boolean
  onRestored: () => void
}

export function Versions({ file, downloads, onRestored }: Props) {
  const { locale, format } = useLanguage()
  const words = locale.library.versions
  const [said, setSaid] = useState('')
  const [problem, setProblem] = useState<Refusal>()
  const { value, refusal, again } = useAnswer(`${file.file_id} ${file.version} ${file.updated_at} ${file.status}`, (signal) =>
    fetchVersions(file.file_id, signal),
  )
  const trying = async (act: () => Promise<void>) => {
    setProblem(undefined)
    await act().catch((error) => setProblem(asRefusal(error)))
  }
  const restore = async (n: number) => {
    await restoreVersion(file.file_id, n)
    setSaid(words.restored(n))
    onRestored()
    again()
  }
  return (
    <section className="part" aria-labelledby="versions">
      <h3 id="versions">{words.title}</h3>
      <ul className="lines">
        {(value ?? []).map((one) => (
          <li key={one.version}>
            <div>
              <p>
                {words.number(one.version)}
                {one.version === file.version && <span className="current"> {words.current}</span>}
              </p>
              <div className="detail">
                <Badge status={statusOf(one)} />
                <span className="numbers">
                  {format.bytes(one.file_size)} · {format.date(Date.parse(one.created_at))}
                </span>
              </div>
            </div>
            <div className="actions">
              {one.version !== file.version && (
                <button
                  type="button"
                  className="small"
                  aria-label={locale.actions.of(words.restore, words.number(one.version))}
                  onClick={() => void trying(() => restore(one.version))}
                >
                  {words.restore}
                </button>
              )}
              {downloads && isServed(one) && (
                <a
                  className="iconic"
                  href={downloadAddress(file.file_id, one.version)}
                  download
                  aria-label={`${words.download} ${one.version}`}
                  title={words.download}
                  onClick={(event) => void trying(() => download(event, file.file_id, one.version))}
                >
                  <Icon name="download" />
                </a>
              )}
            </div>
          </li>
        ))}
      </ul>
      <p role="status" className="hint">
        {said}
      </p>
      {refusal && <Trouble refusal={refusal} onAgain={again} />}
      {problem && <Trouble refusal={problem} />}
    </section>
  )
}
