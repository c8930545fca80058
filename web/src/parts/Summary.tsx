// All uploads together: how far, how fast, and what can be done to all of them.

import { useLanguage } from '../locales'
import { isRetriable, type Item } from '../item'
import type { Uploads } from '../uploads'
import { Bar } from './Bar'

export function Summary({ uploads }: { uploads: Uploads }) {
  const { locale, format } = useLanguage()
  const { actions, summary, detail } = locale
  const totals = uploads.totals()
  const open = totals.queued + totals.uploading + totals.waiting + totals.paused
  const moving = open - totals.paused
  const numbers = [
    ...(open ? [detail.sizeOf(format.bytes(totals.sent), format.bytes(totals.size))] : [format.bytes(totals.size)]),
    ...(totals.speed > 0 ? [format.speed(totals.speed)] : []),
    ...(totals.left !== undefined ? [detail.left(format.duration(totals.left))] : []),
  ]
  const heading = [
    open ? summary.progress(totals.uploaded, totals.count) : summary.done(totals.uploaded),
    ...(totals.failed ? [summary.failed(totals.failed)] : []),
  ]
  const button = (shown: unknown, label: string, act: () => void) =>
    shown ? (
      <button type="button" className="small" onClick={act}>
        {label}
      </button>
    ) : null
  const having = (wanted: (item: Item) => boolean) => uploads.items.filter(wanted)
  return (
    <div className="summary">
      <div className="line">
        <div>
          <h2>{heading.join(', ')}</h2>
          <p className="numbers">{numbers.join(' · ')}</p>
        </div>
        <div className="buttons">
          {button(moving, actions.pauseAll, () => uploads.pause(uploads.items))}
          {button(!moving && totals.paused, actions.resumeAll, () => uploads.resume(having((item) => item.state === 'paused')))}
          {button(having(isRetriable).length, actions.retryAll, () => uploads.resume(having(isRetriable)))}
          {button(open, actions.cancelAll, () => uploads.cancel(uploads.items))}
          {button(totals.uploaded, actions.clear, () => uploads.clearUploaded())}
        </div>
      </div>
      {open > 0 && <Bar label={locale.totalProgress} part={totals.sent} whole={totals.size} tone="uploading" />}
    </div>
  )
}
