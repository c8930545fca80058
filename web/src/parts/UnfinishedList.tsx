// Uploads of an earlier visit that wait for their file.

import { memo, useRef } from 'react'
import { useLanguage } from '../locales'
import { fromList } from '../picking'
import type { Unfinished } from '../item'
import type { Uploads } from '../uploads'

/** A crash in the middle of thousands leaves thousands; whoever chooses them again does so by the hundred. */
const SHOWN = 100

export function UnfinishedList({ uploads }: { uploads: Uploads }) {
  const { locale, format } = useLanguage()
  const more = uploads.unfinished.length - SHOWN
  if (!uploads.unfinished.length) return null
  return (
    <section className="unfinished" aria-labelledby="unfinished">
      <div className="line">
        <h2 id="unfinished">{locale.unfinished.title}</h2>
        {uploads.unfinished.length > 1 && (
          <FileButton label={locale.unfinished.many} multiple onPicked={(files) => void uploads.add(fromList(files))} />
        )}
      </div>
      <p className="lead">{locale.unfinished.lead}</p>
      <ul>
        {uploads.unfinished.slice(0, SHOWN).map((entry) => (
          <Entry key={entry.key} entry={entry} uploads={uploads} />
        ))}
      </ul>
      {more > 0 && <p className="lead">{locale.unfinished.more(format.count(more))}</p>}
    </section>
  )
}

const Entry = memo(function Entry({ entry, uploads }: { entry: Unfinished; uploads: Uploads }) {
  const { locale, format } = useLanguage()
  const { actions, unfinished } = locale
  const size = format.bytes(entry.size)
  const sent = unfinished.sent(format.share(entry.offset, entry.size), format.bytes(entry.offset), size)
  const nothing = entry.checked === 'gone' ? unfinished.gone(size) : unfinished.notBegun(size)
  return (
    <li>
      <div className="what">
        <p className="name" title={entry.path}>
          {entry.path}
        </p>
        <p className="numbers">
          {entry.url ? sent : nothing} · {format.date(entry.changed)}
        </p>
      </div>
      <div className="buttons">
        <FileButton
          label={unfinished.choose}
          name={actions.of(unfinished.choose, entry.name)}
          onPicked={([file]) => file && void uploads.goOn(entry, { file, path: entry.path })}
        />
        <button
          type="button"
          className="small"
          aria-label={actions.of(unfinished.discard, entry.name)}
          onClick={() => void uploads.discard(entry)}
        >
          {unfinished.discard}
        </button>
      </div>
    </li>
  )
})

interface FileButtonProps {
  label: string
  /** For screen readers, where it says more than the label. */
  name?: string
  multiple?: boolean
  onPicked: (files: File[]) => void
}

function FileButton({ label, name, multiple = false, onPicked }: FileButtonProps) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <button type="button" className="small" aria-label={name ?? label} onClick={() => input.current?.click()}>
        {label}
      </button>
      <input
        ref={input}
        type="file"
        multiple={multiple}
        className="hidden"
        tabIndex={-1}
        aria-hidden="true"
        onChange={(event) => {
          const files = Array.from(event.target.files ?? [])
          event.target.value = ''
          onPicked(files)
        }}
      />
    </>
  )
}
