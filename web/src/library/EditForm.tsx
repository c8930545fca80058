// What a file is called, and its tags.
//
// A change is of what the person saw when the typing began. What others change meanwhile is shown in fields that were
// left alone; a field that was typed into keeps its words, and saving it is refused once before it replaces theirs.

import { useEffect, useState, type SubmitEvent } from 'react'
import { asRefusal } from '../api'
import { useLanguage } from '../locales'
import { reasonOf } from '../parts/Trouble'
import { changeFile, fetchFile, type Change, type File, type Revision } from './api'

interface Props {
  shown: Revision
  onNews: (news: Revision) => void
}

export function EditForm({ shown, onNews }: Props) {
  const { locale } = useLanguage()
  const { details } = locale.library
  const [base, setBase] = useState(shown)
  const [filename, setFilename] = useState(wordsOf(base.file).filename)
  const [tags, setTags] = useState(wordsOf(base.file).tags)
  const [said, setSaid] = useState('')
  const [busy, setBusy] = useState(false)
  const change = changeOf(base.file, filename, tags)
  const changed = Object.keys(change).length > 0
  /** From now on `news` is what is changed; fields that still say what they said `before` say it. */
  const adopt = (news: Revision, before = wordsOf(base.file)) => {
    const now = wordsOf(news.file)
    setFilename((typed) => (typed === before.filename ? now.filename : typed))
    setTags((typed) => (tagsOf(typed).join() === tagsOf(before.tags).join() ? now.tags : typed))
    setBase(news)
  }
  useEffect(() => {
    const [before, now] = [wordsOf(base.file), wordsOf(shown.file)]
    const same = before.filename === now.filename && before.tags === now.tags
    // A version that was restored, say, is nobody's change of a name.
    if (shown !== base && (same || !changed)) adopt(shown)
  }, [shown])
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    setBusy(true)
    setSaid('')
    try {
      const saved = await changeFile(base.file.file_id, change, base.etag)
      adopt(saved, { filename, tags })
      onNews(saved)
      setSaid(details.saved)
    } catch (error) {
      setSaid(await whyNot(error))
    } finally {
      setBusy(false)
    }
  }
  const whyNot = async (error: unknown): Promise<string> => {
    const refusal = asRefusal(error)
    if (refusal.status !== 412) return reasonOf(refusal, locale)
    try {
      const news = await fetchFile(base.file.file_id)
      adopt(news)
      onNews(news)
      return details.changedMeanwhile
    } catch {
      // The old base stays, so saving is refused again, and again asked for what it is now.
      return locale.refusal.network
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

/** As the fields show it. */
function wordsOf({ filename, tags }: File): { filename: string; tags: string } {
  return { filename: filename ?? '', tags: tags.join(', ') }
}

/** What differs from `file`; what was left alone is not said, so it overwrites nothing. */
function changeOf(file: File, filename: string, tags: string): Change {
  return {
    ...(filename.trim() === (file.filename ?? '') ? {} : { filename: filename.trim() }),
    ...(tagsOf(tags).join() === file.tags.join() ? {} : { tags: tagsOf(tags) }),
  }
}

function tagsOf(text: string): string[] {
  return [...new Set(text.split(',').map((tag) => tag.trim()))].filter((tag) => tag !== '')
}
