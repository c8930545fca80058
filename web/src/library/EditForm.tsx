// What a file is called, and its tags.

import { useState, type SubmitEvent } from 'react'
import { Refusal } from '../api'
import { useLanguage } from '../locales'
import { changeFile, type File } from './api'

interface Props {
  file: File
  etag: string
  onSaved: (saved: { file: File; etag: string }) => void
  /** Somebody else was faster. */
  onOvertaken: () => void
}

export function EditForm({ file, etag, onSaved, onOvertaken }: Props) {
  const { locale } = useLanguage()
  const { details } = locale.library
  const [filename, setFilename] = useState(file.filename ?? '')
  const [tags, setTags] = useState(file.tags.join(', '))
  const [said, setSaid] = useState('')
  const [busy, setBusy] = useState(false)
  const changed = filename !== (file.filename ?? '') || tagsOf(tags).join() !== file.tags.join()
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    setBusy(true)
    setSaid('')
    try {
      const saved = await changeFile(file.file_id, { filename: filename.trim(), tags: tagsOf(tags) }, etag)
      setSaid(details.saved)
      onSaved(saved)
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal(0, '', String(error))
      if (refusal.status === 412) onOvertaken()
      setSaid(
        refusal.status === 412
          ? details.changedMeanwhile
          : refusal.status
            ? locale.refusal.status(refusal.status, refusal.message)
            : locale.refusal.network,
      )
    } finally {
      setBusy(false)
    }
  }
  return (
    <form className="part edit" onSubmit={(event) => void submit(event)}>
      <label>
        {details.name}
        <input value={filename} required autoComplete="off" onChange={(event) => setFilename(event.target.value)} />
      </label>
      <label>
        {details.tags}
        <input value={tags} autoComplete="off" aria-describedby="tagshint" onChange={(event) => setTags(event.target.value)} />
      </label>
      <p id="tagshint" className="hint">
        {details.tagsHint}
      </p>
      <div className="line">
        <p role="status">{said}</p>
        <button type="submit" className="small" disabled={!changed || busy}>
          {details.save}
        </button>
      </div>
    </form>
  )
}

function tagsOf(text: string): string[] {
  return [...new Set(text.split(',').map((tag) => tag.trim()))].filter((tag) => tag !== '')
}
