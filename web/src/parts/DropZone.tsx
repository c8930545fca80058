// Where files come in: dropped anywhere on the page, pasted, or chosen.

import { useEffect, useRef, useState } from 'react'
import { useLanguage } from '../locales'
import { fromList, fromTransfer } from '../picking'
import type { Uploads } from '../uploads'
import { Icon } from './Icon'

export function DropZone({ uploads }: { uploads: Uploads }) {
  const { locale } = useLanguage()
  const over = useDrops(uploads)
  const compact = uploads.items.length > 0
  return (
    <section className={`drop${compact ? ' compact' : ''}${over ? ' over' : ''}`} aria-label={locale.drop.title}>
      <div className="mark">
        <Icon name="arrow" />
      </div>
      <div className="words">
        <p className="headline">{over ? locale.drop.over : locale.drop.title}</p>
        <p className="hint">{locale.drop.hint}</p>
      </div>
      <div className="buttons">
        <Chooser label={locale.drop.files} primary uploads={uploads} />
        <Chooser label={locale.drop.folder} folder uploads={uploads} />
      </div>
      <Limits uploads={uploads} />
    </section>
  )
}

interface ChooserProps {
  label: string
  uploads: Uploads
  primary?: boolean
  folder?: boolean
}

function Chooser({ label, uploads, primary = false, folder = false }: ChooserProps) {
  const input = useRef<HTMLInputElement>(null)
  // Phones have no folders to choose.
  if (folder && !('webkitdirectory' in HTMLInputElement.prototype)) return null
  return (
    <>
      <button type="button" className={primary ? 'primary' : ''} onClick={() => input.current?.click()}>
        {label}
      </button>
      <input
        ref={input}
        type="file"
        multiple
        webkitdirectory={folder ? '' : undefined}
        className="hidden"
        tabIndex={-1}
        aria-hidden="true"
        onChange={(event) => {
          const picked = fromList(event.target.files ?? [])
          // So that the same file can be chosen twice in a row.
          event.target.value = ''
          void uploads.add(picked)
        }}
      />
    </>
  )
}

function Limits({ uploads }: { uploads: Uploads }) {
  const { locale, format } = useLanguage()
  const { maxSize, expiry } = uploads.config
  const size = maxSize ? locale.limits.size(format.bytes(maxSize)) : locale.limits.noSize
  const kept = expiry ? locale.limits.kept(format.duration(expiry)) : locale.limits.keptForEver
  return (
    <p className="limits">
      {size} {kept}
    </p>
  )
}

/** Takes drops and pastes anywhere on the page; whether something hovers over it now. */
function useDrops(uploads: Uploads): boolean {
  const [over, setOver] = useState(false)
  useEffect(() => {
    let depth = 0
    const withFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false
    const hover = (change: number) => (event: DragEvent) => {
      if (!withFiles(event)) return
      event.preventDefault()
      depth = Math.max(0, depth + change)
      setOver(depth > 0)
    }
    const drop = (event: DragEvent) => {
      depth = 0
      setOver(false)
      if (!event.dataTransfer || !withFiles(event)) return
      event.preventDefault()
      void fromTransfer(event.dataTransfer).then((picked) => uploads.add(picked))
    }
    const paste = (event: ClipboardEvent) => {
      if (!event.clipboardData?.files.length) return
      event.preventDefault()
      void fromTransfer(event.clipboardData).then((picked) => uploads.add(picked))
    }
    const leaving = new AbortController()
    const { signal } = leaving
    document.addEventListener('dragenter', hover(1), { signal })
    document.addEventListener('dragleave', hover(-1), { signal })
    document.addEventListener('dragover', hover(0), { signal })
    document.addEventListener('drop', drop, { signal })
    document.addEventListener('paste', paste, { signal })
    return () => leaving.abort()
  }, [uploads])
  return over
}
