// The upload view for pages of others: a React component. `npm run component` makes a package of it.
//
// One page talks to one server: who signs in there, and where it is, is known once (session.ts, routing.ts).
//
// Belongs here: what its users may say and hear. Not here: the view itself (parts/UploadView.tsx).

import { useEffect, useMemo, useRef, useState } from 'react'
import { asRefusal, fetchMe, Refusal } from '../api'
import { begin } from '../begin'
import { formatter } from '../format'
import type { Item } from '../item'
import { LanguageContext, LOCALES, preferredLocale, type Language } from '../locales'
import { Notices } from '../parts/Notices'
import { Trouble } from '../parts/Trouble'
import { UploadView } from '../parts/UploadView'
import { serveFrom } from '../routing'
import { session, useSession } from '../session'
import { Uploads } from '../uploads'
import { useLeavingWarning } from '../useLeavingWarning'
import '../page.css'

/** A file whose last byte the server has confirmed. */
export interface Uploaded {
  name: string
  /** Folder and name, where a folder was given. */
  path: string
  /** Bytes. */
  size: number
  /** Its address as an upload; the last part is the upload's id. */
  url: string
}

export interface TusUploadProps {
  /** Where the server has its page and its API: "https://uploads.example.org/". */
  server: string
  /** An API key or token of this person; left out where the server knows by itself who it is. */
  credential?: string
  /** "en" or "de"; left out, the browser's. */
  language?: string
  onUploaded?: (file: Uploaded) => void
  /** The server takes no (more) `credential`: give another one. Uploads wait, and go on with it. */
  onSignInNeeded?: () => void
}

export function TusUpload({ server, credential = '', language = '', onUploaded, onSignInNeeded }: TusUploadProps) {
  const spoken = useMemo(() => languageOf(language), [language])
  const { uploads, failed } = useUploads(server, credential, onUploaded)
  useSignInNeeded(onSignInNeeded)
  useLeavingWarning(uploads)
  return (
    <LanguageContext value={spoken}>
      <div className="tusd-py" lang={spoken.locale.code}>
        {failed && !uploads && <Trouble refusal={new Refusal(0, '', '')} />}
        {uploads && (
          <>
            <UploadView uploads={uploads} />
            <Notices uploads={uploads} />
          </>
        )}
      </div>
    </LanguageContext>
  )
}

const AGAIN = 2_000 // milliseconds

/** undefined until the server has said what it takes; it is asked until it does. */
function useUploads(server: string, credential: string, onUploaded: TusUploadProps['onUploaded']) {
  const [uploads, setUploads] = useState<Uploads>()
  const [failures, setFailures] = useState(0)
  const tell = useRef(onUploaded)
  tell.current = onUploaded
  useEffect(() => {
    if (uploads) return
    let isOver = false
    const ask = async () => {
      serveFrom(server)
      session.carry(credential)
      try {
        const config = await begin()
        const say = ({ name, path, size, url }: Item) => tell.current?.({ name, path, size, url })
        // What is remembered of unfinished uploads is one person's, so first that one must be known.
        if (!isOver && session.me) setUploads(new Uploads(config, { hasViews: false, onUploaded: say }))
      } catch {
        if (!isOver) setFailures((before) => before + 1)
      }
    }
    const timer = setTimeout(() => void ask(), failures ? AGAIN : 0)
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [uploads, failures, server, credential])
  useEffect(() => {
    if (!uploads) return
    return () => {
      // Nobody would see what it does. What is unfinished is remembered, and is there for the next one.
      uploads.close()
      setUploads(undefined)
    }
  }, [uploads])
  useEffect(() => {
    if (!uploads || credential === session.credential) return
    let isOver = false
    let timer = 0
    const ask = async () => {
      try {
        const me = await fetchMe(credential)
        if (!isOver) session.enter(me, { credential })
      } catch (error) {
        if (isOver) return
        if (asRefusal(error).isPassing) timer = window.setTimeout(() => void ask(), AGAIN)
        else session.refuse(session.credential)
      }
    }
    void ask()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [uploads, credential])
  return { uploads, failed: failures > 0 }
}

function useSignInNeeded(needed: (() => void) | undefined): void {
  const { standing } = useSession()
  const tell = useRef(needed)
  tell.current = needed
  useEffect(() => {
    if (standing === 'out' || standing === 'lost') tell.current?.()
  }, [standing])
}

function languageOf(code: string): Language {
  const locale = LOCALES.find((one) => one.code === code) ?? preferredLocale()
  return { locale, format: formatter(locale.code), choose: () => undefined }
}
