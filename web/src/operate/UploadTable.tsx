// Who uploads what, how far it is and how fast.

import { useLanguage } from '../locales'
import { Bar } from '../parts/Bar'
import type { Stats, UnderWay } from './api'

interface Props {
  uploads: UnderWay[]
  speeds: Map<string, number>
  workers: Stats['workers']
}

export function UploadTable({ uploads, speeds, workers }: Props) {
  const { locale, format } = useLanguage()
  const nodes = new Map(workers.map(({ worker, node }) => [worker, node]))
  const words = locale.operate.uploads
  return (
    <section className="sheet table" aria-labelledby="underway">
      <h2 id="underway">{words.title}</h2>
      {uploads.length === 0 ? (
        <p className="hint">{words.none}</p>
      ) : (
        <div className="scroll" tabIndex={0} role="group" aria-labelledby="underway">
          <table>
            <thead>
              <tr>
                <th scope="col">{words.file}</th>
                <th scope="col">{words.owner}</th>
                <th scope="col">{words.progress}</th>
                <th scope="col">{words.speed}</th>
                <th scope="col">{words.node}</th>
                <th scope="col">{words.since}</th>
              </tr>
            </thead>
            <tbody>
              {uploads.map((one) => {
                const name = one.filename ?? one.upload_id
                const speed = speeds.get(one.upload_id) ?? 0
                return (
                  <tr key={one.upload_id}>
                    <th scope="row" title={one.upload_id}>
                      {name}
                    </th>
                    <td>{one.tenant ? `${one.tenant}/${one.user_id}` : one.user_id}</td>
                    <td>
                      {one.length !== null && (
                        <Bar label={locale.progressOf(name)} part={one.offset} whole={one.length} tone={one.is_written ? 'uploading' : 'paused'} />
                      )}
                      <span className="numbers">
                        {one.length === null
                          ? format.bytes(one.offset)
                          : locale.detail.sizeOf(format.bytes(one.offset), format.bytes(one.length))}
                      </span>
                    </td>
                    <td className="numbers">{speed > 0 ? format.speed(speed) : one.is_written ? '' : words.waiting}</td>
                    <td>{one.worker && (nodes.get(one.worker) || one.worker)}</td>
                    <td className="numbers">{format.date(Date.parse(one.created_at))}</td>
                  </tr>
                )
              })}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}
